import { createStage, waitFor, type Stage, type StageMessage } from "@turno/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { byAgent, configureInbox, openConversation } from "./fixtures.ts";
import { startInbox } from "./http.ts";

let stage: Stage;
let inbox: Awaited<ReturnType<typeof startInbox>>;
beforeAll(async () => {
  stage = await createStage();
  await Promise.all([stage.start("router"), stage.start("session-tracker")]);
  inbox = await startInbox(stage);
  stage.keep();
});
beforeEach(() => configureInbox(stage));
afterEach(() => stage.clear());
afterAll(() => stage.stop());

interface Said {
  text: string;
  kind: string;
  wamid: string | null;
  editedAt: string | null;
  originalText: string | null;
  deletedAt: string | null;
  send: { agentName: string | null; state: string } | null;
}

/** What a conversation says over HTTP, oldest first. */
async function read(id: string): Promise<Said[]> {
  const ana = await inbox.as(0);
  const { body } = await ana.get(`/v1/conversations/${id}/messages`);
  return (body["messages"] as Said[]).toReversed();
}

/** Publishes each in a record of its own, and waits until it has taken effect. */
async function write(...said: StageMessage[]): Promise<void> {
  for (const one of said) {
    await stage.publish([one]);
    await waitFor(async () => (await stage.sql`select from messages where key = ${`msg:${one.id}`}`).length === 1, {
      what: `${one.id} has taken effect`,
    });
  }
}

const edit = (id: string, of: string, text: string, sentAt?: Date): StageMessage => ({
  id,
  userId: "US.a",
  content: { type: "edit", edit: { original_message_id: of, message: { type: "text", text: { body: text } } } },
  ...(sentAt === undefined ? {} : { sentAt }),
});
const revoke = (id: string, of: string): StageMessage => ({
  id,
  userId: "US.a",
  content: { type: "revoke", revoke: { original_message_id: of } },
});

async function close(conversationId: string): Promise<string> {
  const ask = { actor: byAgent(0), conversationId };
  await stage.request("create-ticket", { ...ask, subject: "Caso" });
  await stage.request("close", ask);
  const { actions } = await stage.command("read-ticket", { ticket: { number: 1 } });
  return (actions[0]?.body ?? "").replaceAll(/\d{4}-\S+Z /g, "");
}

describe("what a message says", () => {
  it("reads the same in API, console and ticket: a form's answers, an order, where the customer came from", async () => {
    const id = await openConversation(stage, "a");
    const form = { name: "flow", body: "Sent", response_json: '{"flow_token":"secret","talla":"M"}' };
    const items = [{ product_retailer_id: "mate", quantity: 2, item_price: 9.5, currency: "EUR" }];
    const referral = { source_type: "ad", source_url: "https://fb.example/1", headline: "Dos por uno" };
    await write(
      {
        id: "w.1",
        userId: "US.a",
        content: { type: "interactive", interactive: { type: "nfm_reply", nfm_reply: form } },
      },
      { id: "w.2", userId: "US.a", content: { type: "order", order: { product_items: items, text: "Sin azúcar" } } },
      { id: "w.3", userId: "US.a", content: { type: "text", text: { body: "vi esto" }, referral } },
    );
    const texts = (await read(id)).map(({ text }) => text);
    expect(texts).toEqual([
      "hola",
      "[form] talla: M",
      "[order] 2 × mate at 9.5 EUR\nSin azúcar",
      "vi esto\n(came from an ad: Dos por uno, https://fb.example/1)",
    ]);
    const { token } = await inbox.as(0);
    const headers = { cookie: `turno_token=${token}` };
    const page = await (await fetch(`${inbox.url}/console/c/${id}`, { headers })).text();
    for (const shown of ["[form] talla: M", "[order] 2 × mate at 9.5 EUR", "Dos por uno"])
      expect(page).toContain(shown);
    expect(page).not.toContain("secret");
    expect(await close(id)).toBe(texts.map((text) => `customer: ${text}`).join("\n"));
  });

  it("is the last version of what the customer edited, with the first one kept; what was deleted is marked", async () => {
    const id = await openConversation(stage, "a");
    const at = (seconds: number) => new Date(Date.now() - 60_000 + seconds * 1_000);
    await write(
      // The edit comes before its message, the older edit last, and one says what no database takes as text.
      edit("e.2", "w.1", "el jueves", at(20)),
      { id: "w.1", userId: "US.a", text: "el martes", sentAt: at(0) },
      edit("e.1", "w.1", "el miércoles\u0000", at(10)),
      { id: "w.2", userId: "US.a", text: "olvídelo" },
      revoke("r.1", "w.2"),
      // Of a message that nobody here knows.
      edit("e.3", "w.unknown", "otra cosa"),
    );
    const said = await read(id);
    expect(said).toMatchObject([
      { wamid: "w.1", text: "el jueves", originalText: "el martes", editedAt: expect.stringMatching(/Z$/) as string },
      { text: "hola", editedAt: null, originalText: null, deletedAt: null },
      { wamid: "w.2", text: "olvídelo", editedAt: null, deletedAt: expect.stringMatching(/Z$/) as string },
      { kind: "edit", text: "[edited] otra cosa" },
    ]);
    expect(await close(id)).toBe(
      "customer: el jueves (edited)\ncustomer: hola\ncustomer: olvídelo (deleted by the customer)\n" +
        "customer: [edited] otra cosa",
    );
  });

  it("stands by Meta's time where it comes late, in API and ticket, page by page", async () => {
    const id = await openConversation(stage, "a");
    const at = (seconds: number) => new Date(Date.now() - 3_600_000 + seconds * 1_000);
    await write(
      { id: "w.3", userId: "US.a", text: "tres", sentAt: at(30) },
      { id: "w.1", userId: "US.a", text: "uno", sentAt: at(10) },
      { id: "w.2", userId: "US.a", text: "dos", sentAt: at(20) },
    );
    const ana = await inbox.as(0);
    const texts: string[] = [];
    for (let before = ""; ;) {
      const { body } = await ana.get(`/v1/conversations/${id}/messages?limit=2${before}`);
      texts.push(...(body["messages"] as Said[]).map(({ text }) => text));
      if (body["next"] === null) break;
      before = `&before=${body["next"] as string}`;
    }
    expect(texts).toEqual(["hola", "tres", "dos", "uno"]);
    expect(await close(id)).toBe("customer: uno\ncustomer: dos\ncustomer: tres\ncustomer: hola");
  });

  it("is a template's text as it was sent, with the agent's name, also after the template has changed", async () => {
    await stage.sql`insert into templates (account_id, name, language, template_id, status, category, components, changed_at)
      values ('100', 'resume', 'es', '1', 'APPROVED', 'UTILITY', ${JSON.stringify([
        { type: "BODY", text: "Hola {{1}}, ¿seguimos con {{2}}?" },
        { type: "BUTTONS", buttons: [{ type: "QUICK_REPLY", text: "Sí" }] },
      ])}::text::json, now())`;
    const id = await openConversation(stage, "a");
    const ana = await inbox.as(0);
    const parameters = ["Eva", "{{1}}"].map((text) => ({ type: "text", text }));
    const message = { type: "template", name: "resume", language: "es", components: [{ type: "body", parameters }] };
    expect((await ana.post(`/v1/conversations/${id}/messages`, { message })).status).toBe(200);
    await stage.sql`update templates set components = '[]'`;
    expect((await read(id)).at(-1)).toMatchObject({
      text: "Hola Eva, ¿seguimos con {{1}}?\n[Sí]",
      send: { agentName: "Agent 0", state: "waiting" },
    });
    expect(await close(id)).toMatch(/^Agent 0: Hola Eva, ¿seguimos con \{\{1\}\}\?\n\[Sí\] \(not sent yet\)$/m);
  });

  it("says in the ticket what Meta refused, and what nobody knows", async () => {
    const id = await openConversation(stage, "a");
    const ana = await inbox.as(0);
    for (const body of ["uno", "dos", "tres"]) {
      await ana.post(`/v1/conversations/${id}/messages`, { message: { type: "text", body } });
    }
    const refusal = JSON.stringify({ code: 131_026, class: "C", message: "Not a WhatsApp number." });
    await stage.sql`update sends set state = 'failed', error = ${refusal}::text::json where body::text like '%uno%'`;
    await stage.sql`update sends set state = 'unknown' where body::text like '%dos%'`;
    await stage.sql`update sends set state = 'delivered' where body::text like '%tres%'`;
    expect((await close(id)).split("\n").slice(1)).toEqual([
      "Agent 0: uno (not delivered: Not a WhatsApp number.)",
      "Agent 0: dos (nobody knows whether it was delivered)",
      "Agent 0: tres",
    ]);
  });

  it("shows what Meta holds back, and what became of a payment, in API, console and ticket", async () => {
    const id = await openConversation(stage, "a");
    const ana = await inbox.as(0);
    await ana.post(`/v1/conversations/${id}/messages`, { message: { type: "text", body: "uno" } });
    await stage.sql`update sends set state = 'accepted', is_held = true`;
    const payment = { reference_id: "R-1", amount: { value: 2_150, offset: 100 }, currency: "INR" };
    await stage.sql`
      insert into messages (id, key, conversation_id, contact_id, direction, kind, sent_at, received_at, payload)
      select gen_random_uuid(), 'st:w.1:payment:captured', id, contact_id, 'in', 'payment', now(), now(),
        ${JSON.stringify({ status: "captured", payment })}::text::json from conversations`;
    const [, held, paid] = await read(id);
    expect(held).toMatchObject({ text: "uno", send: { state: "held" } });
    expect(paid).toMatchObject({ kind: "payment", text: "[payment] captured, 21.5 INR, reference R-1", send: null });
    const { token } = await inbox.as(0);
    const headers = { cookie: `turno_token=${token}` };
    const page = await (await fetch(`${inbox.url}/console/c/${id}`, { headers })).text();
    expect(page).toContain("held by Meta");
    expect(page).toMatch(/Meta: <\/span>\[payment\] captured/);
    await stage.sql`update sends set state = 'sent'`;
    expect((await read(id))[1]?.send?.state).toBe("sent");
    await stage.sql`update sends set state = 'accepted'`;
    expect((await close(id)).split("\n").slice(1)).toEqual([
      "Agent 0: uno (held back by Meta, not sent on yet)",
      "Meta: [payment] captured, 21.5 INR, reference R-1",
    ]);
  });
});
