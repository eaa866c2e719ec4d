import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { z } from "zod";
import { configurationCommands } from "../src/commands/configuration.ts";

interface Schema {
  properties: Record<string, { default?: unknown; items?: Schema }>;
}

it("docs/group-settings.md has each group setting with its default, and no other", async () => {
  const page = await readFile(new URL("../../../docs/group-settings.md", import.meta.url), "utf8");
  const rows = page
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .filter((cells) => cells[1]?.startsWith("`") === true);
  const told = new Map(rows.map((cells) => [cells[1]?.replaceAll("`", ""), cells[2]?.replaceAll("`", "")]));
  const schema = z.toJSONSchema(configurationCommands.configure.request, { io: "input" }) as unknown as Schema;
  const settings = Object.entries(schema.properties["groups"]?.items?.properties ?? {}).filter(
    ([name]) => name !== "id",
  );
  expect(settings.length).toBeGreaterThan(5);
  expect(told).toEqual(
    new Map(settings.map(([name, setting]) => [name, "default" in setting ? String(setting.default) : "none"])),
  );
  for (const cells of rows) expect(cells.slice(3, 5).every((cell) => cell.length > 0)).toBe(true);
});
