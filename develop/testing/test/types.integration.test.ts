import { connectToDatabase } from "@turno/database";
import { connect, createServer, type AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createTestDatabase, type TestDatabase } from "../src/index.ts";

const ID = "018f0000-0000-7000-8000-0000000000a1";

let database: TestDatabase;
let line: Awaited<ReturnType<typeof recordLine>>;
beforeEach(async () => {
  database = await createTestDatabase();
  line = await recordLine(new URL(database.url));
});
afterEach(async () => {
  await line.close();
  await database.drop();
});

it("arrays go to the database and come back without a question about types, whose failure would end the process", async () => {
  const sql = connectToDatabase(line.url, { connectionsMax: 1, name: "types" });
  try {
    const rows = await sql`
      select
        ${[ID]}::uuid[] as ids,
        ${[1, 2]}::bigint[] as bigints,
        ${[3]}::int[] as integers,
        ${["a,b", '"', "\\", "", "null", null]}::text[] as texts,
        ${[]}::text[] as empty`;
    expect(line.sent()).toContain("uuid[]");
    expect(line.sent()).not.toContain("pg_type");
    expect(rows[0]).toEqual({
      ids: [ID],
      bigints: [1, 2],
      integers: [3],
      texts: ["a,b", '"', "\\", "", "null", null],
      empty: [],
    });
  } finally {
    await sql.end({ timeout: 1 });
  }
});

/** Passes a client's bytes on to the server, and keeps what the client sent. */
async function recordLine(target: URL) {
  let sent = "";
  const server = createServer((client) => {
    const upstream = connect({ host: target.hostname, port: Number(target.port) });
    client.on("data", (chunk) => void (sent += chunk.toString("latin1")));
    client.pipe(upstream).pipe(client);
    client.on("error", () => upstream.destroy());
    upstream.on("error", () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = new URL(target);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.toString(),
    sent: () => sent,
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}
