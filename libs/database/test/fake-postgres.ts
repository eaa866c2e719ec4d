import { createServer, type AddressInfo, type Socket } from "node:net";

/** What a client is told: that it may not connect, or which session answers it and what that is set to. */
export type FakeAnswer = { fatal: { code: string; message: string } } | { pid: number; setting: string };

export interface FakePostgres {
  url: string;
  /** How many connections it has seen. */
  readonly connections: number;
  close(): Promise<void>;
}

/**
 * Stands for what may answer at DATABASE_URL and is no Postgres of one's own: a pooler that gives each statement to any of
 * its sessions, or a server without room. It speaks as much of the protocol as one statement of text needs.
 * Source: PostgreSQL, "Message Formats". The real PgBouncer 1.18 was tried by hand, in each of its modes.
 */
export async function startFakePostgres(
  answer: (client: number, statement: number) => FakeAnswer,
): Promise<FakePostgres> {
  let connections = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const client = connections++;
    let statement = 0;
    let hasStarted = false;
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      const told = answer(client, hasStarted ? statement++ : statement);
      if ("fatal" in told) return void socket.end(errorResponse(told.fatal));
      if (hasStarted) return void (bytes[0] === QUERY && socket.write(row([String(told.pid), told.setting])));
      hasStarted = true;
      socket.write(Buffer.concat([message("R", int32(0)), READY]));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `postgres://somebody:x@127.0.0.1:${(server.address() as AddressInfo).port}/there`,
    get connections() {
      return connections;
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve, reject) => server.close((error) => (error ? reject(error) : resolve())));
    },
  };
}

const QUERY = "Q".charCodeAt(0);
const INT4_OID = 23;
const TEXT_OID = 25;

const int16 = (value: number) => Buffer.from([value >> 8, value & 255]);
function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
const text = (value: string) => Buffer.from(`${value}\0`);

function message(type: string, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
}

const READY = message("Z", Buffer.from("I"));

function errorResponse({ code, message: words }: { code: string; message: string }): Buffer {
  const fields = [text("SFATAL"), text("VFATAL"), text(`C${code}`), text(`M${words}`)];
  return message("E", ...fields, Buffer.from([0]));
}

function row(values: readonly [string, string]): Buffer {
  const column = (name: string, oid: number) =>
    Buffer.concat([text(name), int32(0), int16(0), int32(oid), int16(-1), int32(-1), int16(0)]);
  const data = values.flatMap((value) => [int32(Buffer.byteLength(value)), Buffer.from(value)]);
  return Buffer.concat([
    message("T", int16(2), column("pid", INT4_OID), column("setting", TEXT_OID)),
    message("D", int16(2), ...data),
    message("C", text("SELECT 1")),
    READY,
  ]);
}
