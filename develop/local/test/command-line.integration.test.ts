import { configureStage, createStage, stageAgent, STAGE_GROUP, stageId, waitFor, type Stage } from "@turno/testing";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { runTurno } from "./fixtures/run-turno.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
  await Promise.all([stage.start("router"), stage.start("session-tracker")]);
  stage.keep();
});
afterEach(() => stage.clear());
afterAll(() => stage.stop());

const turno = (...args: string[]) => runTurno(stage.environment.NATS_URL, args);
const readConversation = async () =>
  (
    await stage.sql<{ id: string; agentId: string | null; offeredUntil: Date | null }[]>`
      select id, agent_id as "agentId", offered_until as "offeredUntil" from conversations`
  )[0];
const isOfferedTo = (agent: number) =>
  waitFor(
    async () => {
      const found = await readConversation();
      return found !== undefined && found.agentId === stageAgent(agent) && found.offeredUntil !== null && found;
    },
    { what: `it is offered to agent ${agent}` },
  );

it("an agent declines and another accepts what is offered", async () => {
  await configureStage(stage, { agents: 2 });
  const offering = { id: STAGE_GROUP, name: "Support", countsPresence: false, followUpSeconds: 0, offerSeconds: 600 };
  await stage.command("configure", { groups: [offering] });
  await stage.publish([{ id: "wamid.a", userId: "US.a" }]);
  const { id } = await isOfferedTo(0);
  expect(await turno("decline", id, "--as", "Agent 0", "--reason", "Not my language")).toContain("somebody else");
  await isOfferedTo(1);
  expect(await turno("accept", id, "--as", "Agent 1")).toContain("is Agent 1's since");
  expect(await readConversation()).toMatchObject({ agentId: stageAgent(1), offeredUntil: null });
});

it("contacts that may be one person are listed, and made one, which is blocked and unblocked", async () => {
  await configureStage(stage, { agents: 1 });
  const card = { origin: "contact_request", phones: [{ phone: "+15550001", wa_id: "15550001" }] };
  await stage.publish([{ id: "wamid.phone", phone: "15550001" }]);
  await stage.publish([{ id: "wamid.card", userId: "US.a", content: { type: "contacts", contacts: [card] } }]);
  const listed = await waitFor(
    async () => {
      const text = await turno("contacts");
      return text.includes("15550001") && text;
    },
    { what: "the conflict is listed" },
  );
  expect(listed).toContain("US.a");
  const [one, other] = await stage.sql<{ id: string }[]>`select id from contacts order by id`;
  expect(await turno("contacts", "join", one?.id ?? "", other?.id ?? "")).toContain(one?.id);
  expect(await turno("contacts")).toContain("no conflicts");
  const [open] = await stage.sql<{ id: string }[]>`select id from conversations where state = 'active'`;
  expect(await turno("spam", open?.id ?? "")).toContain("is closed as spam");
  expect(await turno("contacts", "block", one?.id ?? "", "Sends", "advertising")).toContain("is blocked");
  expect(await turno("contacts", "unblock", one?.id ?? "")).toContain("not blocked any more");
});

it("an agent writes to a number first, and a second one learns who has the conversation", async () => {
  await configureStage(stage, { agents: 2 });
  await stage.sql`insert into templates (account_id, name, language, template_id, status, category, components, changed_at)
    values ('100', 'hello', 'es', '1', 'APPROVED', 'UTILITY', '[{"type":"BODY","text":"Hola {{1}}"}]', now())`;
  const write = (...as: string[]) =>
    turno("start-conversation", stageId(3), "+34600111222", "hello", "es", "Eva", "--as", ...as);
  const answer = await write("Agent 0");
  const opened = await readConversation();
  expect(answer).toContain(`on its way in ${opened?.id}`);
  expect(opened).toMatchObject({ agentId: stageAgent(0) });
  await expect(write("Agent 1")).rejects.toThrow("It is with Agent 0 since");
});
