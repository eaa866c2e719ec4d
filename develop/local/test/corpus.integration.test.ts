import { createCatalogue } from "@turno/simulator";
import { configureStage, waitFor } from "@turno/testing";
import { sayMessage, splitDelivery } from "@turno/whatsapp";
import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createMetaStage, type MetaStage } from "./meta-stage.ts";

const DOCUMENT = new URL("../../../docs/webhooks.md", import.meta.url);
const CHANNEL = { accountId: "100", phoneNumberId: "123", displayPhoneNumber: "15550001111" };
/** Its ids and instants stand in no cell, so the table is the same on every day. */
const SALT = "corpus";

const HEAD = `# What becomes of what Meta sends

Every field, message type and status of the simulator's catalogue, posted to a gateway and followed through the running services. A test
posts them again and holds this table to what it finds; \`CORPUS=write npx vitest run --project integration develop/local/test/corpus\`
writes it.

- _Message_: it stands in the customer's conversation, with these words, and leads to this event.
- _Observation_: kept, and given to nobody.
- _Status_: it moves the message that it is about, or waits for it.
- _Kept_: it stands in \`INBOUND\` for its readers, such as the sender for templates.

| what Meta sends | field | lane | what becomes of it | in words | event |
| --- | --- | --- | --- | --- | --- |
`;

let world: MetaStage;
beforeAll(async () => {
  world = await createMetaStage((stage) => configureStage(stage, { agents: 1 }));
});
afterAll(() => world.stop());

interface Became {
  what: string;
  words: string;
  event: string;
}

/** What the database says of an update by its key; null while it says nothing. */
async function look(key: string): Promise<Became | null> {
  const { sql } = world.stage;
  const [message] = await sql<{ kind: string; payload: unknown; event: string | null }[]>`
    select kind, payload, (select type from events where message_id = messages.id) as event from messages
    where key = ${key}`;
  if (message !== undefined) {
    return { what: "message", words: sayMessage(message.kind, message.payload), event: message.event ?? "" };
  }
  const [other] = await sql<{ what: string }[]>`
    select 'observation: ' || what as what from observations where key = ${key}
    union all select 'status' from waiting_statuses where key = ${key}
    union all select 'letter: ' || cause from dead_letters where key = ${key}`;
  return other === undefined ? null : { what: other.what, words: "", event: "" };
}

const cell = (text: string) =>
  text
    .replaceAll("\0", "\uFFFD")
    .replaceAll("|", "\\|")
    .replaceAll(/\s*\n\s*/g, " / ")
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "…")
    .slice(0, 120)
    .toWellFormed()
    .replaceAll(/\d{6,}/g, "…");

describe("every shape of Meta's", () => {
  it("becomes what docs/webhooks.md says, and none of them is set aside", async () => {
    const [customer] = world.customers;
    if (customer === undefined) throw new Error("no customer");
    const samples = createCatalogue({ customer, channel: CHANNEL, at: Date.now(), salt: SALT }).filter(
      ({ updates }) => updates.length === 1,
    );
    const rows: string[] = [];
    for (const { name, field, body } of samples) {
      expect([name, (await world.meta.postRaw(body)).status]).toEqual([name, 200]);
      const context = { receivedAt: new Date().toISOString(), createId: () => "new" };
      for (const { json, lane } of splitDelivery(Buffer.from(body), context)) {
        const { key } = JSON.parse(json) as { key: string };
        const isRead = lane === "message" || lane === "status";
        const became = isRead
          ? await waitFor(() => look(key), { what: `${name} (${key}) has taken effect` })
          : { what: "kept", words: "", event: "" };
        const cells = [name, field, lane, became.what, became.words, became.event].map(cell);
        rows.push(`| ${cells.join(" | ")} |`);
      }
    }
    const text = `${HEAD}${rows.join("\n")}\n`;
    if (process.env["CORPUS"] === "write") await writeFile(DOCUMENT, text);
    expect(rows.filter((row) => row.includes("letter: "))).toEqual([]);
    const known = await readFile(DOCUMENT, "utf8");
    const plain = (table: string) => table.replaceAll(/ +/g, " ").replaceAll(/-{3,}/g, "---");
    expect(plain(known)).toBe(plain(text));
  }, 120_000);
});
