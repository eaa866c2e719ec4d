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

const FLOOD_MS_MAX = 120_000;

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
        const timer = setTimeout(() => fail(new Error(`${missing} webhooks were not answered`)), FLOOD_MS_MAX);
        const settle = (status: number) => {
          if (status !== 200) return fail(new Error(`a webhook was answered ${status}`));
          missing -= 1;
          if (missing > 0) return;
          clearTimeout(timer);
          resolve((performance.now() - startedAt) / 1000);
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

/** One connection, opened again when the server closed it while nothing was asked of it. */
async function openLane(port: number, onIdle: (lane: Lane) => void): Promise<Lane> {
  let job: Job | null = null;
  let heard = "";
  let isClosing = false;
  let socket: Socket | null = null;
  const onData = (bytes: Buffer) => {
    // A server says 408 to an idle connection before it closes it: nobody asked.
    if (job === null) return;
    heard += bytes.toString("latin1");
    if (!isWhole(heard)) return;
    const { settle } = job;
    const status = Number(heard.slice(9, 12));
    heard = "";
    job = null;
    onIdle(lane);
    settle(status);
  };
  const fail = (error: Error) => {
    const failed = job;
    job = null;
    failed?.fail(error);
  };
  const open = () =>
    new Promise<Socket>((resolve, reject) => {
      const opened = connect(port, "127.0.0.1", () => resolve(opened));
      opened.setNoDelay(true);
      opened.on("data", onData);
      opened.on("error", (error) => {
        reject(error);
        if (opened === socket) fail(error);
      });
      opened.on("close", () => {
        if (opened === socket && !isClosing) fail(new Error("the server closed a connection without an answer"));
      });
    });
  const reopen = async () => {
    try {
      const opened = await open();
      socket = opened;
      heard = "";
      if (job !== null) opened.write(job.request);
    } catch (error) {
      fail(error as Error);
    }
  };
  const lane: Lane = {
    run(next) {
      job = next;
      if (socket === null || !socket.writable) void reopen();
      else socket.write(next.request);
    },
    close() {
      isClosing = true;
      socket?.destroy();
    },
  };
  socket = await open();
  return lane;
}

/** Answers to webhooks are short: a head, and a body of a known length or in chunks. */
function isWhole(text: string): boolean {
  const end = text.indexOf("\r\n\r\n");
  if (end === -1) return false;
  const length = /\r\ncontent-length: *(\d+)/i.exec(text);
  return length === null ? text.endsWith("0\r\n\r\n") : text.length >= end + 4 + Number(length[1]);
}
