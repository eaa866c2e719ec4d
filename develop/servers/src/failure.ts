/** A server could not be found, started or stopped. The message says what happened and what to do about it. */
export class ServerFailure extends Error {
  readonly retryable = false;
}

/** Somebody else listens on the port that was asked for. */
export class PortTakenFailure extends ServerFailure {
  readonly port: number;

  constructor(port: number) {
    super(`port ${port} is taken by another program`);
    this.port = port;
  }
}

/** Told of each step that takes noticeable time, in words for a person. */
export type Progress = (step: string) => void;

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
