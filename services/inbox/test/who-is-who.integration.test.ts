import { createStage, stageAgent, waitFor, type Stage, type StageMessage } from "@turno/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ADMIN, byAgent, configureInbox, OPERATOR, OUTSIDER } from "./fixtures.ts";
import { startInbox } from "./http.ts";

let stage: Stage;
let inbox: Awaited<ReturnType<typeof startInbox>>;
beforeAll(async () => {
  stage = await createStage();
  await Promise.all([stage.start("router"), stage.start("session-tracker")]);
  inbox = await startInbox(stage);
  await configureInbox(stage);
  await stage.sql`
    insert into templates (account_id, name, language, template_id, status, category, components, changed_at)
    values ('100', 'code', 'es', '1', 'APPROVED', 'AUTHENTICATION', '[]', now())`;
});
afterAll(() => stage.stop());

const T0 = Date.now();
const at = (seconds: number) => new Date(T0 + seconds * 1000);

/** Publishes each in a record of its own, and waits until it has taken effect. */
async function say(...said: StageMessage[]): Promise<void> {
  for (const one of said) {
    await stage.publish([one]);
    await waitFor(async () => (await stage.sql`select from messages where key like ${`%:${one.id}`}`).length === 1, {
      what: `${one.id} has taken effect`,
    });
  }
}

const notice = (id: string, from: string, to: string, phone: string, sentAt: Date): StageMessage => {
  const system = { type: "user_changed_number", previous_user_id: from, user_id: to, wa_id: phone };
  // The notice names the customer inside, and is kept in order with what the new id sends.
  return { id, userId: to, sentAt, content: { type: "system", from_user_id: undefined, system } };
};

type Held = ReturnType<typeof held>;
const held = ({ id, agentId }: { id: string; agentId: string | null }) => ({ id, agentId: agentId ?? "" });

interface Row {
  id: string;
  userId: string | null;
  phone: string | null;
}

/** The contacts to which these names lead, and what is open with them. */
async function read(...names: string[]) {
  const contacts = await stage.sql<Row[]>`
    select distinct id, user_id as "userId", phone, created_at from contacts
    where id in (select contact_id from contact_identities where value = any(${names})) order by created_at`;
  const conversations = await stage.sql<{ id: string; state: string; agentId: string | null; contactId: string }[]>`
    select id, state, agent_id as "agentId", contact_id as "contactId" from conversations
    where contact_id = any(${contacts.map(({ id }) => id)}) order by opened_at`;
  return { contacts: contacts.map(({ id, userId, phone }) => ({ id, userId, phone })), conversations };
}

/** As `read`, once so many of the conversations are given to agents. */
const readGiven = (count: number, ...names: string[]) =>
  waitFor(
    async () => {
      const found = await read(...names);
      return found.conversations.filter(({ state }) => state === "active").length === count && found;
    },
    { what: `${count} conversations of ${names.join(", ")} are given to agents` },
  );

describe("C01: what comes late from a retired id", () => {
  it("belongs to its contact, whose answers go to the new id and phone", async () => {
    const [first, changed] = [
      { id: "c01.1", userId: "US.c01old", phone: "15550001", sentAt: at(-120) },
      notice("c01.2", "US.c01old", "US.c01new", "15550002", at(-60)),
    ];
    await say(first, changed, { id: "c01.3", userId: "US.c01old", phone: "15550001", sentAt: at(-90) });
    const { contacts, conversations } = await read("US.c01old", "US.c01new", "15550001", "15550002");
    expect(contacts).toMatchObject([{ userId: "US.c01new", phone: "15550002" }]);
    expect(conversations).toHaveLength(1);
    const messages = await stage.sql`select from messages where conversation_id = ${conversations[0]?.id ?? ""}`;
    expect(messages).toHaveLength(3);
  });
});

describe("C10: the customer writes from the new number before the notice comes", () => {
  it("becomes one contact; the second conversation goes on in the first, with its session, its waiting and what waits to be sent", async () => {
    await stage.command("set-availability", { agentId: stageAgent(1), availability: "available" });
    const before = await loads();
    await say({ id: "c10.1", userId: "US.c10old", phone: "15551001", sentAt: at(-120) });
    await say({ id: "c10.2", userId: "US.c10new", phone: "15551002", sentAt: at(-90) });
    const apart = await readGiven(2, "US.c10old", "US.c10new");
    expect(apart.contacts).toHaveLength(2);
    const [kept, ended] = apart.conversations.map(held) as [Held, Held];
    expect(new Set([kept.agentId, ended.agentId])).toEqual(new Set([stageAgent(0), stageAgent(1)]));
    const ask = { actor: byAgent(0), agentId: kept.agentId, conversationId: ended.id };
    const message = { type: "text" as const, body: "Un momento" };
    const service = { kind: "service", name: "developer" } as const;
    const sent = await stage.request("send", { ...ask, actor: service, agentId: ended.agentId, message });
    expect(sent).toMatchObject({ ok: true });

    await say(notice("c10.3", "US.c10old", "US.c10new", "15551002", at(-100)));
    await say({ id: "c10.4", userId: "US.c10new", phone: "15551002", sentAt: at(-30) });
    const { contacts, conversations } = await read("US.c10old", "US.c10new", "15551001", "15551002");
    expect(contacts).toMatchObject([{ id: apart.contacts[0]?.id, userId: "US.c10new", phone: "15551002" }]);
    expect(conversations).toMatchObject([
      { id: kept.id, state: "active" },
      { id: ended.id, state: "expired" },
    ]);
    const sends = await stage.sql`
      select conversation_id, contact_id from sends
      where id = ${"ok" in sent ? sent.sendId : ""}`;
    expect(sends).toEqual([{ conversation_id: kept.id, contact_id: contacts[0]?.id }]);
    // The agent whose conversation it was has a free place again.
    expect((await loads()) - before).toBe(1);

    const again = await stage.request("send", { ...ask, actor: service, message });
    expect(again).toMatchObject({ refusal: { code: "conversation-continued", details: { continuedById: kept.id } } });
    const operator = await inbox.as(OPERATOR);
    const shown = await operator.get(`/v1/conversations/${ended.id}`);
    expect(shown.body).toMatchObject({ state: "expired", continuedById: kept.id, actions: ["finalise"] });
    const own = await operator.get(`/v1/conversations/${kept.id}/messages`);
    expect(JSON.stringify(own.body)).toContain("Un momento");
    const events = await stage.sql`
      select type, entity_id as of, data from events where type in ('contact.joined', 'conversation.joined')
        and entity_id = any(${[ended.id, contacts[0]?.id ?? ""]}) order by position`;
    expect(events).toMatchObject([
      { type: "conversation.joined", of: ended.id, data: { intoId: kept.id, agentId: ended.agentId } },
      { type: "contact.joined", data: { joinedId: apart.contacts[1]?.id, because: "change-notice" } },
    ]);
  });
});

/** How many active conversations all agents have. */
async function loads(): Promise<number> {
  const [row] = await stage.sql<{ sum: number }[]>`select sum(active_count)::int as sum from agents`;
  return row?.sum ?? 0;
}

describe("C11: phone only, then id only, then both", () => {
  it("is one contact with one open conversation, and keeps both histories", async () => {
    await say({ id: "c11.1", phone: "15552001", sentAt: at(-120) }, { id: "c11.2", userId: "US.c11", sentAt: at(-90) });
    await readGiven(2, "US.c11", "15552001");
    await say({ id: "c11.3", userId: "US.c11", phone: "15552001", sentAt: at(-60) });
    const { contacts, conversations } = await read("US.c11", "15552001");
    expect(contacts).toMatchObject([{ userId: "US.c11", phone: "15552001" }]);
    expect(conversations.map(({ state }) => state)).toEqual(["active", "expired"]);
    const messages = await stage.sql`
      select key from messages where contact_id = ${contacts[0]?.id ?? ""} order by sent_at`;
    expect(messages.map(({ key }) => key as string)).toEqual(["msg:c11.1", "msg:c11.2", "msg:c11.3"]);
  });
});

describe("C12: a recycled number", () => {
  it("is its new owner's: an echo to it joins that one's conversation, and a code to the old owner is refused", async () => {
    await say({ id: "c12.1", userId: "US.c12a", phone: "15553001", sentAt: at(-9_000_000) });
    await say({ id: "c12.2", userId: "US.c12b", phone: "15553001", sentAt: at(-90) });
    const echo = { id: "c12.3", keyedBy: "echo", content: { type: "text", text: { body: "hola" }, to: "15553001" } };
    await say({ ...echo, phone: "15553001", sentAt: at(-60) });
    const { contacts, conversations } = await readGiven(2, "US.c12a", "US.c12b", "15553001");
    expect(contacts).toMatchObject([
      { userId: "US.c12a", phone: null },
      { userId: "US.c12b", phone: "15553001" },
    ]);
    const [ofA, ofB] = conversations.map(held) as [Held, Held];
    const [echoed] = await stage.sql`select conversation_id as id from messages where key = 'echo:c12.3'`;
    expect(echoed).toEqual({ id: ofB.id });
    const code = { type: "template" as const, name: "code", language: "es", components: [] };
    const asked = { actor: { kind: "service", name: "developer" } as const, agentId: ofA.agentId, message: code };
    expect(await stage.request("send", { ...asked, conversationId: ofA.id })).toMatchObject({
      refusal: { code: "phone-needed" },
    });
    const allowed = { ...asked, agentId: ofB.agentId, conversationId: ofB.id };
    expect(await stage.request("send", allowed)).toMatchObject({ ok: true });
  });
});

describe("C13: a phone that the customer shares", () => {
  const shares = (id: string, userId: string, phone: string, origin: string, sentAt: Date): StageMessage => ({
    id,
    userId,
    sentAt,
    content: { type: "contacts", contacts: [{ origin, phones: [{ wa_id: phone, phone: `+${phone}` }] }] },
  });

  it("is learned where it was asked for, and never from another card", async () => {
    await say(shares("c13.1", "US.c13a", "15554001", "other", at(-90)));
    expect((await read("US.c13a")).contacts).toMatchObject([{ phone: null }]);
    await say(shares("c13.2", "US.c13a", "15554001", "contact_request", at(-60)));
    expect((await read("US.c13a", "15554001")).contacts).toMatchObject([{ userId: "US.c13a", phone: "15554001" }]);
  });

  it("is shown and not applied where it is another contact's, until an operator of both joins them", async () => {
    await say({ id: "c13.3", userId: "US.c13b", phone: "15554002", sentAt: at(-90) });
    await say(shares("c13.4", "US.c13c", "15554002", "contact_request", at(-60)));
    await say({ id: "c13.5", userId: "US.c13d", sentAt: at(-50) });
    const third = (await readGiven(1, "US.c13d")).contacts[0]?.id ?? "";
    const { contacts } = await readGiven(2, "US.c13b", "US.c13c");
    expect(contacts).toMatchObject([{ phone: "15554002" }, { phone: null }]);
    const [b, c] = contacts as [Row, Row];
    const [agent, outsider, operator, admin] = await Promise.all([0, OUTSIDER, OPERATOR, ADMIN].map(inbox.as));
    for (const caller of [agent, outsider]) {
      expect(await caller?.get("/v1/contact-conflicts")).toMatchObject({ status: 403 });
      expect(await caller?.post(`/v1/contacts/${b.id}/join`, { otherId: c.id })).toMatchObject({ status: 403 });
    }
    for (const caller of [operator, admin]) {
      expect((await caller?.get("/v1/contact-conflicts"))?.body["conflicts"]).toMatchObject([
        { contact: { id: c.id }, other: { id: b.id, phone: "15554002" } },
      ]);
    }
    expect(await operator?.post(`/v1/contacts/${b.id}/join`, { otherId: b.id })).toMatchObject({ status: 422 });
    await stage.sql`
      insert into contact_conflicts (contact_id, other_contact_id, noticed_at) values (${third}, ${c.id}, now())`;
    const joined = await operator?.post(`/v1/contacts/${b.id}/join`, { otherId: c.id });
    expect(joined).toMatchObject({ status: 200, body: { contactId: b.id } });
    expect(await operator?.post(`/v1/contacts/${b.id}/join`, { otherId: c.id })).toMatchObject({ status: 200 });
    const after = await read("US.c13b", "US.c13c");
    expect(after.contacts).toMatchObject([{ id: b.id, phone: "15554002" }]);
    expect(after.conversations.filter(({ state }) => state === "active")).toHaveLength(1);
    // What the joined one was taken for as well is now said of the one that remains.
    expect((await admin?.get("/v1/contact-conflicts"))?.body["conflicts"]).toMatchObject([
      { contact: { id: third }, other: { id: b.id } },
    ]);
  });
});
