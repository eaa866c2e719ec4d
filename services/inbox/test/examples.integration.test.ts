import { COMMANDS } from "@turno/contracts";
import { createStage, stageAgent, STAGE_GROUP, stageId, type Stage } from "@turno/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROUTES } from "../src/http/api.ts";
import { ADMIN, configureInbox, openConversation } from "./fixtures.ts";
import { startInbox, type TestCaller } from "./http.ts";

let stage: Stage;
let admin: TestCaller;
let conversationId: string;

beforeAll(async () => {
  stage = await createStage();
  await Promise.all([stage.start("router"), stage.start("session-tracker")]);
  const inbox = await startInbox(stage);
  await configureInbox(stage);
  conversationId = await openConversation(stage, "a");
  const own = await inbox.as(0);
  await own.post(`/v1/conversations/${conversationId}/ticket`, { subject: "Example" });
  admin = await inbox.as(ADMIN);
});
afterAll(() => stage.stop());

const pathOf = (path: string) =>
  path
    .replace("{conversationId}", conversationId)
    .replace("{agentId}", stageAgent(0))
    .replace("{groupId}", STAGE_GROUP)
    .replace("{channelId}", stageId(3))
    .replace("{ticket}", "1")
    .replaceAll(/\{\w+\}/g, stageId(404));

const queryOf = (example: Record<string, unknown>) =>
  new URLSearchParams(
    Object.entries(example).map(([name, value]): [string, string] => [name, String(value)]),
  ).toString();

/** What a rule may say to an example. The sender is not part of this stage, so that nobody answers for it. */
const UNDERSTOOD = new Set([200, 403, 404, 409]);
const examples = ROUTES.filter(({ verb }) => verb === null || COMMANDS[verb].service !== "sender");

describe("the documentation's example", () => {
  it.each(examples.map((route) => ({ name: `${route.method} ${route.path}`, route })))(
    "of $name is understood by the running service, and its answer is as documented",
    async ({ route }) => {
      const path = pathOf(route.path);
      const { status, body } = await (route.method === "get"
        ? admin.get(`${path}?${queryOf(route.example)}`)
        : admin[route.method](path, route.example));
      const isAsSaid = status !== 200 || route.answer.safeParse(body).success;
      expect({ isUnderstood: UNDERSTOOD.has(status), isAsSaid, status, body }).toMatchObject({
        isUnderstood: true,
        isAsSaid: true,
      });
    },
  );
});
