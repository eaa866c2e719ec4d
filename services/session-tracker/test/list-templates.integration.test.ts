import { connectToDatabase, typed } from "@turno/database";
import { channels, groups, templates } from "@turno/database/schema";
import { createTestDatabase, stageId } from "@turno/testing";
import { expect, it, onTestFinished } from "vitest";
import { listTemplates } from "../src/sending-gate/list-templates.ts";

const [GROUP, CHANNEL, ALONE] = [stageId(1), stageId(3, 1), stageId(3, 2)];
const actor = { kind: "service", name: "developer" } as const;

it("a channel's templates are those of its account, by name and language, with what Meta says of each", async () => {
  const database = await createTestDatabase();
  const sql = connectToDatabase(database.url, { connectionsMax: 1, name: "test" });
  onTestFinished(async () => {
    await sql.end({ timeout: 1 });
    await database.drop();
  });
  await typed(sql).insert(groups).values({ id: GROUP, name: "G", distribution: "manual" });
  await typed(sql)
    .insert(channels)
    .values([
      { id: CHANNEL, phoneNumberId: "1", accountId: "waba", name: "C", groupId: GROUP },
      { id: ALONE, phoneNumberId: "2", accountId: null, name: "C", groupId: GROUP },
    ]);
  const components = [{ type: "BODY", text: "Hola {{1}}" }];
  const told = { status: "APPROVED", category: "UTILITY", quality: null, components };
  const row = { ...told, accountId: "waba", templateId: "1", changedAt: new Date() };
  await typed(sql)
    .insert(templates)
    .values([
      { ...row, name: "b", language: "es" },
      { ...row, name: "a", language: "pt" },
      { ...row, name: "a", language: "es" },
      { ...row, name: "a", language: "en", accountId: "other" },
    ]);
  const ask = (channelId: string) => listTemplates(sql, { actor, channelId });
  expect(await ask(CHANNEL)).toEqual({
    templates: [
      { ...told, name: "a", language: "es" },
      { ...told, name: "a", language: "pt" },
      { ...told, name: "b", language: "es" },
    ],
    list: null,
  });
  expect(await ask(ALONE)).toEqual({ templates: [], list: null });
  expect(await ask(stageId(3, 3))).toMatchObject({ code: "not-found" });
});
