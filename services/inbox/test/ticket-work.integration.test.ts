import { createStage, type Stage } from "@turno/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { byAgent, configureInbox, openConversation, OUTSIDER } from "./fixtures.ts";
import { startInbox, type InboxAnswer, type TestCaller } from "./http.ts";

let stage: Stage;
let [ana, outsider]: TestCaller[] = [];
beforeAll(async () => {
  stage = await createStage();
  await stage.start("router");
  const inbox = await startInbox(stage);
  await configureInbox(stage);
  [ana, outsider] = await Promise.all([inbox.as(0), inbox.as(OUTSIDER)]);
});
afterAll(() => stage.stop());

const post = async (path: string, body: object = {}): Promise<Pick<InboxAnswer, "status" | "body">> =>
  (await ana?.post(path, body)) ?? { status: 0, body: {} };
const found = async (text: string) => {
  const answer = await ana?.get(`/v1/tickets?text=${encodeURIComponent(text)}`);
  return answer?.body["tickets"] as { number: number; requester: { name: string } }[];
};

/** A customer's conversation with Ana, and the number of a new ticket for it. */
async function work(user: string, ticket: object): Promise<{ id: string; number: number }> {
  const id = await openConversation(stage, user);
  await stage.sql`update contacts set name = ${`Cliente ${user}`}, phone = ${`555${user.length}`} where user_id = ${`US.${user}`}`;
  const { body } = await post(`/v1/conversations/${id}/ticket`, ticket);
  return { id, number: Number(body["ticketNumber"]) };
}

const read = async (number: number) => (await ana?.get(`/v1/tickets/${number}`))?.body as Record<string, never>;

describe("who asked", () => {
  it("is the contact unless somebody else is noted, is shown and searched, and a change stands in the ticket's record", async () => {
    const own = await work("own", { subject: "Propia" });
    expect(await read(own.number)).toMatchObject({ ticket: { requester: { name: "Cliente own", reach: "5553" } } });
    const other = await work("other", { subject: "Ajena", requester: { name: "Marta Ruiz", reach: "interno 12" } });
    expect(await read(other.number)).toMatchObject({
      ticket: { requester: { name: "Marta Ruiz", reach: "interno 12" } },
    });
    expect(await found("marta interno")).toMatchObject([{ number: other.number, requester: { name: "Marta Ruiz" } }]);

    const change = { requester: { name: "Luis Peña", reach: "5559" } };
    expect(await ana?.patch(`/v1/tickets/${other.number}`, change)).toMatchObject({
      status: 200,
      body: { ticket: change },
    });
    expect(await read(other.number)).toMatchObject({
      actions: [{ kind: "edit", author: byAgent(0), body: "requester: Marta Ruiz, interno 12 to Luis Peña, 5559" }],
    });
    expect(await ana?.patch(`/v1/tickets/${other.number}`, { requester: { name: " " } })).toMatchObject({
      status: 422,
    });
  });
});

describe("a customer's own link", () => {
  it("lets who works on the conversation edit the proposed ticket before deciding, and nobody else", async () => {
    const { number } = await work("first", { subject: "Pedido" });
    const id = await openConversation(stage, "second");
    await stage.sql`
      update conversations set ticket_link = null, ticket_id = null, ticket_number = null, state = 'closed'
      where ticket_number = ${number}`;
    expect(await ana?.patch(`/v1/tickets/${number}`, { subject: "Otro" })).toMatchObject({ status: 404 });
    await stage.command("propose-ticket-link", { conversationId: id, ticket: { number } });
    expect(await ana?.patch(`/v1/tickets/${number}`, { subject: "Pedido 81" })).toMatchObject({
      status: 200,
      body: { ticket: { subject: "Pedido 81" } },
    });
    expect(await outsider?.patch(`/v1/tickets/${number}`, { subject: "Mío" })).toMatchObject({ status: 404 });
    expect(await post(`/v1/conversations/${id}/ticket-link/reject`)).toMatchObject({ status: 200 });
    expect(await ana?.patch(`/v1/tickets/${number}`, { subject: "Otro" })).toMatchObject({ status: 404 });
  });
});

describe("another customer's ticket", () => {
  it("is found with whose it is, and is linked only where that is meant, also on finalising", async () => {
    const { number } = await work("owner", { subject: "Garantía del horno" });
    const id = await openConversation(stage, "stranger");
    expect(await found("garantia")).toMatchObject([{ number, requester: { name: "Cliente owner" } }]);
    const link = { ticket: { number } };
    const refused = { status: 409, body: { code: "ticket-of-another", details: { requester: "Cliente owner" } } };
    expect(await post(`/v1/conversations/${id}/ticket-link`, link)).toMatchObject(refused);
    await stage.sql`update conversations set state = 'expired' where id = ${id}`;
    expect(await post(`/v1/conversations/${id}/finalise`, link)).toMatchObject(refused);
    await stage.sql`update conversations set state = 'active' where id = ${id}`;
    expect(await post(`/v1/conversations/${id}/ticket-link`, { ...link, anothers: true })).toMatchObject({
      status: 200,
      body: { ticketNumber: number, ticketLink: "confirmed" },
    });
  });
});

describe("closing", () => {
  it("answers with the ticket and the history, which is completed with a note; both are found by their words", async () => {
    const { id, number } = await work("closing", { subject: "Cobro" });
    const closed = await post(`/v1/conversations/${id}/close`);
    expect(closed).toMatchObject({
      status: 200,
      body: { ticket: { number }, action: { kind: "history", note: null } },
    });
    const { id: actionId } = closed.body["action"] as { id: string };
    const path = `/v1/tickets/${number}/actions/${actionId}`;
    expect(await found("cliente hola cobro")).toMatchObject([{ number }]);
    expect(await post(`${path}/note`, { note: " " })).toMatchObject({ status: 422 });
    expect(await outsider?.get(path)).toMatchObject({ status: 404 });
    expect(await outsider?.post(`${path}/note`, { note: "mío" })).toMatchObject({ status: 404 });
    expect(await post(`${path}/note`, { note: "Se devolvió el importe" })).toMatchObject({ status: 200 });
    const note = { author: byAgent(0), text: "Se devolvió el importe" };
    expect(await ana?.get(path)).toMatchObject({ body: { action: { id: actionId, note } } });
    expect(await read(number)).toMatchObject({ actions: [{ id: actionId, note }] });
    expect(await found("devolvio importe")).toMatchObject([{ number }]);
    const events = await stage.sql`
      select data from events where type = 'ticket.edited' and data ->> 'ticketNumber' = ${String(number)}`;
    expect(events.map(({ data }) => (data as { changed: string[] }).changed)).toEqual([["note"]]);
  });
});
