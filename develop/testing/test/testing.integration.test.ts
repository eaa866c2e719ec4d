import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createTestDatabase, startTestNats } from "../src/index.ts";
import { onServer } from "../src/test-database.ts";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

function countTables(url: string): Promise<number> {
  return onServer(url, async (sql) => {
    const [row] = await sql<{ count: number }[]>`
      select count(*)::int as count from information_schema.tables where table_schema = 'public'`;
    return row?.count ?? 0;
  });
}

describe("a test's own database", () => {
  it("has the schema and shares no rows with another test's", async () => {
    const [first, second] = await Promise.all([createTestDatabase(), createTestDatabase()]);
    cleanups.push(first.drop, second.drop);
    await onServer(first.url, (sql) => sql`create table only_here (id int)`);
    expect(await countTables(second.url)).toBeGreaterThan(0);
    expect(await countTables(first.url)).toBe((await countTables(second.url)) + 1);
  });
});

describe("a test's own nats-server", () => {
  it("is gone with its port after stop", async () => {
    const server = await startTestNats();
    expect(await canConnect(server.port)).toBe(true);
    await server.stop();
    expect(await canConnect(server.port)).toBe(false);
    expect(() => process.kill(server.pid, 0)).toThrow("ESRCH");
  });
});
