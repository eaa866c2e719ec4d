import { connectToDatabase } from "@turno/database";
import { createTestDatabase, waitFor, type TestDatabase } from "@turno/testing";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import postgres from "postgres";
import { afterEach, beforeEach, expect, it } from "vitest";

/** The driver's "flush": it has described a statement, and waits for the answer before it binds values to it. */
const FLUSH = Buffer.from([0x48, 0, 0, 0, 4]);
const LOCK = 4_242;

let database: TestDatabase;
let admin: postgres.Sql;
let server: Server;
const sockets = new Set<Socket>();
let isArmed = false;
beforeEach(async () => {
  isArmed = false;
  database = await createTestDatabase();
  admin = postgres(database.url, { max: 1, fetch_types: false });
  server = createServer((incoming) => {
    const outgoing = connect(Number(new URL(database.url).port), "127.0.0.1");
    let isMuted = false;
    for (const socket of [incoming, outgoing]) sockets.add(socket.on("error", () => undefined));
    incoming.on("data", (chunk: Buffer) => {
      const end = isArmed ? chunk.indexOf(FLUSH) : -1;
      if (!isMuted) outgoing.write(end < 0 ? chunk : chunk.subarray(0, end + FLUSH.length));
      isMuted ||= end >= 0;
    });
    outgoing.pipe(incoming);
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  server.close();
  await admin.end({ timeout: 1 });
  await database.drop();
});

it("a client that stops between describing a statement and its values does not keep its locks: the server ends it", async () => {
  const url = new URL(database.url);
  url.port = String((server.address() as AddressInfo).port);
  const sql = connectToDatabase(url.href, { connectionsMax: 1, name: "paused", statementMsMax: 1_000 });
  const stopped = sql
    .begin(async (tx) => {
      await tx`select pg_advisory_xact_lock(${LOCK}::bigint)`;
      isArmed = true;
      await tx`select ${"never"}::text`;
    })
    .then(
      () => "done",
      (error: Error) => error.name,
    );
  const isHeld = async () =>
    (await admin`select from pg_locks where locktype = 'advisory' and objid = ${LOCK}`).length > 0;
  await waitFor(isHeld, { what: "the lock is held" });
  await waitFor(() => isArmed, { what: "it is stopped" });
  await waitFor(async () => !(await isHeld()), { what: "the lock is free", timeoutMs: 20_000 });
  expect(await stopped).not.toBe("done");
  await sql.end({ timeout: 1 });
});
