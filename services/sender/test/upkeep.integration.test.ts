import { connectToDatabase, eq, expression, typed, type Sql } from "@turno/database";
import { channels, circuits, groups, rateLimits, templates, waitingStatuses } from "@turno/database/schema";
import { createTestDatabase, type TestDatabase } from "@turno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { tidySending } from "../src/sending/tidy-sending.ts";
import { applyTemplateUpdates, listAccounts, replaceTemplates } from "../src/templates/write-templates.ts";

const GROUP = "018f0000-0000-7000-8000-0000000000a1";
const channelId = (index: number) => `018f0000-0000-7000-8000-0000000000b${index}`;
const ago = (interval: string) => expression<Date>`turno_now() - ${interval}::interval`;

let database: TestDatabase;
let sql: Sql;
beforeEach(async () => {
  database = await createTestDatabase();
  sql = connectToDatabase(database.url, { connectionsMax: 2, name: "upkeep" });
});
afterEach(async () => {
  await sql.end({ timeout: 1 });
  await database.drop();
});

it("statuses of nobody's message, rates at rest and circuits of old tokens go, and nothing else", async () => {
  const status = { wamid: "wamid.1", line: "{}" };
  await typed(sql)
    .insert(waitingStatuses)
    .values([
      { ...status, key: "old", arrivedAt: ago("8 days") },
      { ...status, key: "new", arrivedAt: ago("6 days") },
    ]);
  await typed(sql)
    .insert(rateLimits)
    .values([
      { key: "pair:1:2", fullAt: ago("2 hours") },
      { key: "pair:1:3", fullAt: ago("10 minutes") },
      { key: "number:1", fullAt: ago("2 hours") },
    ]);
  const circuit = { state: "closed", code: 190, reason: "token", closedAt: ago("9 days") } as const;
  await typed(sql)
    .insert(circuits)
    .values([
      { ...circuit, scope: "token", key: "old", openedAt: ago("10 days"), tryAt: ago("10 days") },
      { ...circuit, scope: "token", key: "tried", openedAt: ago("10 days"), tryAt: ago("7 days") },
      { ...circuit, scope: "number", key: "old", openedAt: ago("10 days"), tryAt: ago("10 days") },
    ]);
  expect(await tidySending(sql)).toEqual({ statuses: 1, rates: 1, circuits: 1 });
  expect(await tidySending(sql)).toEqual({ statuses: 0, rates: 0, circuits: 0 });
  expect(await typed(sql).select({ key: waitingStatuses.key }).from(waitingStatuses)).toEqual([{ key: "new" }]);
});

describe("templates", () => {
  const listed = {
    templateId: "1",
    name: "hello",
    language: "es",
    status: "APPROVED",
    category: "UTILITY",
    quality: null,
    components: [{ type: "BODY", text: "Hola {{1}}" }],
  };
  const reader = { consumer: "templates", shard: "0", owner: GROUP };
  const read = async () => {
    const { status, category, quality, components } = templates;
    return typed(sql)
      .select({ status, category, quality, components })
      .from(templates)
      .where(eq(templates.name, "hello"));
  };

  it("take from a webhook what it names: a status from its instant on, and of an unknown one the account", async () => {
    const readAt = new Date("2026-01-01T00:00:00Z");
    await replaceTemplates(sql, "waba", [listed], readAt);
    const template = { accountId: "waba", templateId: "1", name: "hello", language: "es" };
    const later = { ...template, receivedAt: new Date("2026-01-02T00:00:00Z") };
    const earlier = { ...template, receivedAt: new Date("2025-12-31T00:00:00Z") };
    const apply = (...updates: Parameters<typeof applyTemplateUpdates>[1]["updates"][number][]) =>
      applyTemplateUpdates(sql, { reader, moves: [], updates });

    expect(await apply({ ...earlier, status: "REJECTED" }, { ...later, quality: "GREEN" }, later)).toEqual([]);
    const { components } = listed;
    expect(await read()).toEqual([{ status: "APPROVED", category: "UTILITY", quality: "GREEN", components }]);
    expect(await apply({ ...later, status: "PAUSED", category: "MARKETING" })).toEqual([]);
    expect(await read()).toEqual([{ status: "PAUSED", category: "MARKETING", quality: "GREEN", components }]);
    // The list was read before the webhook came.
    await replaceTemplates(sql, "waba", [listed], readAt);
    expect(await read()).toMatchObject([{ status: "PAUSED", category: "UTILITY", quality: null }]);
    expect(await apply({ ...later, accountId: "other", status: "APPROVED" })).toEqual(["other"]);
  });

  it("are read of each account that a channel has, once", async () => {
    await typed(sql).insert(groups).values({ id: GROUP, name: "Sales", distribution: "manual" });
    await typed(sql)
      .insert(channels)
      .values(
        ["waba-2", null, "waba-1", "waba-2"].map((accountId, index) => {
          const phoneNumberId = String(index);
          return { id: channelId(index), phoneNumberId, accountId, name: phoneNumberId, groupId: GROUP };
        }),
      );
    expect(await listAccounts(sql)).toEqual(["waba-1", "waba-2"]);
  });
});
