import type { IncomingMessage } from "node:http";

export type BodyReading =
  | { kind: "read"; body: Buffer }
  /** More bytes came than a body may have; the rest is discarded as it comes. */
  | { kind: "too_large" }
  /** The bodies that are being read fill the memory that they may have. */
  | { kind: "overloaded" }
  | { kind: "aborted" };

export interface BodyReader {
  /** Reads a body. Calls `done` once, in the pass of the event loop in which the last bytes came. */
  read(incoming: IncomingMessage, done: (reading: BodyReading) => void): void;
  /** Frees the body's share of memory; call it once for each body that was read. */
  release(body: Buffer): void;
}

/**
 * Creates a reader of raw bodies. It counts bytes as they come, so that neither a body nor all of them together outgrow
 * their bound, whether or not a length was declared. It calls back instead of promising, which makes a request cheaper.
 */
export function createBodyReader(limits: { bytesMax: number; totalBytesMax: number }): BodyReader {
  let held = 0;
  return {
    read(incoming, done) {
      let chunks: Buffer[] | null = [];
      let length = 0;
      const finish = (reading: BodyReading) => {
        // The request outlives its reading, and its listeners would keep the pieces alive.
        chunks = null;
        // What still comes of it is discarded; the server's request timeout bounds for how long.
        if (reading.kind !== "read") held -= length;
        done(reading);
      };
      incoming.on("data", (chunk: Buffer) => {
        if (chunks === null) return;
        length += chunk.length;
        held += chunk.length;
        if (length > limits.bytesMax) return finish({ kind: "too_large" });
        if (held > limits.totalBytesMax) return finish({ kind: "overloaded" });
        chunks.push(chunk);
      });
      incoming.on("end", () => {
        if (chunks === null) return;
        const [first] = chunks;
        finish({ kind: "read", body: chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks) });
      });
      // Node says so of a sender that goes away, and without a listener it would end the process.
      incoming.on("error", () => {
        if (chunks !== null) finish({ kind: "aborted" });
      });
    },
    release(body) {
      held -= body.length;
    },
  };
}
