import type { Check } from "@turno/contracts";
import { expect, it } from "vitest";
import { SchemaBehindFailure, SchemaFailure } from "../src/check-schema.ts";
import { judgeSchema, judgeServer } from "../src/examine-database.ts";
import { PoolerFailure } from "../src/line/refuse-pooler.ts";

const SERVER = { version: "18.1", hostFrom: 1_000, database: 1_500, hostTo: 2_000 };

it.each<[string, Check[], string, RegExp, RegExp]>([
  ["a pooler", judgeSchema(new PoolerFailure("it leads to a pooler")), "database-direct", /pooler/, /DATABASE_URL/],
  [
    "a missing migration",
    judgeSchema(new SchemaBehindFailure("it lacks 0011")),
    "migrations",
    /0011/,
    /Run the migrator/,
  ],
  ["another schema", judgeSchema(new SchemaFailure("a newer Turno")), "migrations", /newer/, /release/],
  ["no database", judgeSchema(new Error("connect ECONNREFUSED")), "database", /ECONNREFUSED/, /Postgres runs/],
  ["an old server", judgeServer({ ...SERVER, version: "16.4" }), "postgres-version", /older than 17/, /17/],
  ["a clock ahead", judgeServer({ ...SERVER, database: 12_000 }), "clock-database", /10 s ahead/, /NTP/],
  ["a clock behind", judgeServer({ ...SERVER, hostFrom: 60_000, hostTo: 61_000 }), "clock-database", /behind/, /NTP/],
])("%s is explained, and nothing else", (_what, found, code, wrong, advice) => {
  const faults = found.filter(({ state }) => state !== "sound");
  expect(faults.map((fault) => fault.code)).toEqual([code]);
  expect(faults[0]?.wrong).toMatch(wrong);
  expect(faults[0]?.advice).toMatch(advice);
});

it("a database that is as it should be is sound", () => {
  expect([...judgeSchema(null), ...judgeServer(SERVER)].map(({ state }) => state)).toEqual(
    Array.from({ length: 4 }, () => "sound"),
  );
});
