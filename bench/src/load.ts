import { connect, type Socket } from "node:net";

/** Posts prepared requests over kept connections, one at a time on each, at a fraction of what an HTTP client costs. */
export interface Loader {
  /** Resolves with the status of the answer; waits for a connection that is free. */
  post(request: Buffer): Promise<number>;
  /** Posts all as fast as the answers come. Throws where one is not answered 200. Resolves with the seconds it took. */
  flood(requests: readonly Buffer[]): Promise<number>;
  readonly waiting: number;
  close(): void;
}

interface Job {
  request: Buffer;
  settle: (status: number) => void;
  fail: (error: Error) => void;
}

export async function createLoader(port: number, connections: number): Promise<Loader> {
  const queue: Job[] = [];
  let head = 0;
  const idle: Lane[] = [];
  const pump = () => {
    while (head < queue.length) {
      const lane = idle.pop();
      if (lane === undefined) return;
      lane.run(queue[head++] as Job);
    }
    queue.length = 0;
    head = 0;
  };
  const lanes = await Promise.all(
    Array.from({ length: connections }, () =>
      openLane(port, (lane) => {
        idle.push(lane);
        pump();
      }),
    ),
  );
  idle.push(...lanes);
  const post = (request: Buffer) =>
    new Promise<number>((settle, fail) => {
      queue.push({ request, settle, fail });
      pump();
    });
  return {
    post,
    flood(requests) {
      const startedAt = performance.now();
      return new Promise((resolve, fail) => {
        let missing = requests.length;
        const settle = (status: number) => {
          if (status !== 200) return fail(new Error(`a webhook was answered ${status}`));
          missing -= 1;
          if (missing === 0) resolve((performance.now() - startedAt) / 1000);
        };
        for (const request of requests) queue.push({ request, settle, fail });
        pump();
      });
    },
    get waiting() {
      return queue.length - head;
    },
    close() {
      for (const lane of lanes) lane.close();
    },
  };
}

interface Lane {
  run(job: Job): void;
  close(): void;
}

function openLane(port: number, onIdle: (lane: Lane) => void): Promise<Lane> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, "127.0.0.1");
    let job: Job | null = null;
    let heard = "";
    const lane: Lane = {
      run(next) {
        job = next;
        socket.write(next.request);
      },
      close() {
        job = null;
        socket.destroy();
      },
    };
    const fail = (error: Error) => {
      reject(error);
      job?.fail(error);
      job = null;
    };
    socket.setNoDelay(true);
    socket.once("connect", () => resolve(lane));
    socket.on("error", fail);
    socket.on("close", () => fail(new Error("the server closed a connection")));
    socket.on("data", (bytes) => {
      heard += bytes.toString("latin1");
      if (!isWhole(heard) || job === null) return;
      const { settle } = job;
      const status = Number(heard.slice(9, 12));
      heard = "";
      job = null;
      onIdle(lane);
      settle(status);
    });
  });
}

/** Answers to webhooks are short: a head, and a body of a known length or in chunks. */
function isWhole(text: string): boolean {
  const end = text.indexOf("\r\n\r\n");
  if (end === -1) return false;
  const length = /\r\ncontent-length: *(\d+)/i.exec(text);
  return length === null ? text.endsWith("0\r\n\r\n") : text.length >= end + 4 + Number(length[1]);
}
