import type { IncomingMessage } from "node:http";

export type BodyReading =
  | { kind: "read"; body: Buffer }
  /** More bytes came than a body may have; the rest is thrown away as it comes. */
  | { kind: "too_large" }
  /** All bodies being read together hold as much memory as they may. */
  | { kind: "overloaded" }
  | { kind: "aborted" };

export interface BodyReader {
  read(incoming: IncomingMessage): Promise<BodyReading>;
  /** Gives the body's share of memory back; to be called once for each body that was read. */
  release(body: Buffer): void;
}

/**
 * Reads raw bodies and counts their bytes while they come, so that neither a body nor all of them together outgrow
 * their bound, whether a length was declared or not.
 */
export function createBodyReader(limits: { bytesMax: number; totalBytesMax: number }): BodyReader {
  let held = 0;
  return {
    read(incoming) {
      return new Promise((resolve) => {
        let chunks: Buffer[] = [];
        let length = 0;
        const finish = (reading: BodyReading) => {
          incoming.off("data", onData).off("end", onEnd).off("close", onClose);
          // The request outlives its reading, and its listeners would keep the pieces alive.
          chunks = [];
          if (reading.kind !== "read") {
            held -= length;
            // What still comes is discarded; the server's request timeout bounds for how long.
            incoming.resume();
          }
          resolve(reading);
        };
        const onData = (chunk: Buffer) => {
          length += chunk.length;
          held += chunk.length;
          if (length > limits.bytesMax) return finish({ kind: "too_large" });
          if (held > limits.totalBytesMax) return finish({ kind: "overloaded" });
          chunks.push(chunk);
        };
        const onEnd = () => {
          const [first] = chunks;
          finish({ kind: "read", body: chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks) });
        };
        const onClose = () => finish({ kind: "aborted" });
        // An error is followed by "close"; without a listener it would end the process.
        incoming.on("error", ignore);
        incoming.on("data", onData).on("end", onEnd).on("close", onClose);
      });
    },
    release(body) {
      held -= body.length;
    },
  };
}

function ignore(): void {}
