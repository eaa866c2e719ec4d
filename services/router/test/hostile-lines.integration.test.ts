import { encodeInboundRecord, inboundSubject } from "@turno/contracts";
import { createPublisher, type Publisher } from "@turno/messaging";
import { configureStage, createStage, toLine, waitFor, type Stage } from "@turno/testing";
import { afterAll, beforeAll, expect, it } from "vitest";

let stage: Stage;
let publisher: Publisher;
beforeAll(async () => {
  stage = await createStage();
  publisher = createPublisher(stage.connection);
  await stage.start("router");
  await stage.start("sender", { GRAPH_URL: "http://127.0.0.1:9", WHATSAPP_ACCESS_TOKEN: "token-of-this-test" });
  await configureStage(stage, { agents: 1 });
});
afterAll(async () => {
  publisher.close();
  await stage.stop();
});

const NUL = "\0";
const HALF = "\\ud800";

/** Changes to a line that Meta never makes and a gateway never stores: raw and escaped U+0000, and half a surrogate pair. */
const CHANGES: readonly (readonly [found: string | RegExp, put: string])[] = [
  [/^.*$/, `${NUL}LANE`],
  [/^/, NUL],
  ["hola", `ho${NUL}la`],
  [/^.*$/, `{"key":"k\\u0000LANE","field":"messages"}`],
  [/^.*$/, `{"key":"${HALF}LANE","field":"f\\u0000"}`],
  ['"field":"messages"', `"field":"f\\u0000${HALF}"`],
  ['"key":"msg:', '"key":"msg:\\u0000'],
  ['"key":"msg:', `"key":"msg:${HALF}`],
  ['"id":"wamid', '"id":"a\\u0000b'],
  ['"phone_number_id":"123"', '"phone_number_id":"1\\u00003"'],
  ["US.9", "U\\u0000S"],
  ["US.9", `U${HALF}S`],
  ['"type":"text"', `"type":"t\\u0000${HALF}"`],
];

const countHandled = async () =>
  Number(
    (
      await stage.sql`
        select (select count(*) from dead_letters) + (select count(*) from observations)
          + (select count(*) from messages) as count`
    )[0]?.["count"],
  );

it.each([
  ["message", "router"],
  ["status", "sender"],
] as const)("no line of the lane %s stops its reader, the %s, whatever it holds", async (lane, consumer) => {
  const before = await countHandled();
  const good = toLine({ id: `wamid.${lane}`, userId: "US.1" });
  const hostile = CHANGES.map(([found, put], index) =>
    toLine({ id: `wamid.${lane}.${index}`, userId: "US.9" }).json.replace(found, put.replace("LANE", lane)),
  );
  let last = 0;
  for (const json of [...hostile, good.json]) {
    const record = encodeInboundRecord([{ json, partition: good.partition }]);
    const options = { headers: record.headers, timeoutMs: 5_000 };
    last = (await publisher.publish(inboundSubject(lane), record.payload, options)).sequence;
  }
  await waitFor(
    async () => {
      const [row] = await stage.sql<{ sequence: number }[]>`
        select sequence::float8 as sequence from log_positions
        where consumer = ${consumer} and partition = ${good.partition}`;
      return (row?.sequence ?? 0) >= last;
    },
    { what: "its position has passed all of them" },
  );
  const { deadLetters } = await stage.command("list-dead-letters", { limit: 100 });
  expect(deadLetters.filter(({ cause }) => cause === "defect")).toEqual([]);
  expect((await countHandled()) - before).toBe(CHANGES.length + 1);
});
