import { createStage, stageAgent, STAGE_GROUP, waitFor, type Stage } from "@turno/testing";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startBrowser, type TestBrowser } from "@turno/testing/browser";
import { ADMIN, BILLING, configureInbox, OPERATOR, OUTSIDER, queueConversation } from "./fixtures.ts";
import { startInbox } from "./http.ts";

let stage: Stage;
let inbox: Awaited<ReturnType<typeof startInbox>>;
let browser: TestBrowser;
beforeAll(async () => {
  stage = await createStage();
  await Promise.all([stage.start("router"), stage.start("session-tracker")]);
  inbox = await startInbox(stage);
  browser = await startBrowser(inbox.url);
  await configureInbox(stage);
  await stage.command("configure", {
    groups: [{ id: STAGE_GROUP, name: "Support", distribution: "manual", followUpSeconds: 0 }],
  });
});
afterEach(() => browser.closeScreens());
afterAll(async () => {
  await stage.stop();
  await browser.close();
});

async function giveConversation(user: string, index: number): Promise<string> {
  const conversationId = await queueConversation(stage, user);
  await stage.command("claim", { conversationId, agentId: stageAgent(index) });
  return conversationId;
}

/** Ends the session of this conversation alone, and waits until the session tracker has seen it. */
async function expire(id: string): Promise<void> {
  await stage.sql`update conversations set session_ends_at = turno_now(), check_at = turno_now() where id = ${id}`;
  await waitFor(async () => (await readState(id)).state === "expired", { what: "the conversation is expired" });
}

async function readState(id: string) {
  const [row] = await stage.sql<{ state: string; agentId: string | null; groupId: string; link: string | null }[]>`
    select state, agent_id as "agentId", group_id as "groupId", ticket_number || ' ' || ticket_link as link
    from conversations where id = ${id}`;
  if (row === undefined) throw new Error(`there is no conversation ${id}`);
  return row;
}

/** What happened last, and which agent did it. */
async function readLastEvent(id: string) {
  const [row] = await stage.sql<{ type: string; by: string | null; how: string | null }[]>`
    select type, data -> 'actor' ->> 'agentId' as by, data ->> 'how' as how
    from events where entity_id = ${id} order by sequence desc limit 1`;
  return row;
}

async function waitForHistory(ticketNumber: number): Promise<void> {
  const read = async () => (await stage.command("read-ticket", { ticket: { number: ticketNumber } })).actions;
  await waitFor(async () => (await read()).some(({ kind }) => kind === "history"), { what: "the history is added" });
}

const untilShown = (page: Page, id: string) => page.locator(`#conversation-${id}`).waitFor();
const untilState = (page: Page, state: string) => page.locator(`.facts .${state}`).waitFor();
/** Who has ended a conversation is shown its ticket. */
const untilTicket = (page: Page) => page.locator("article.ticket").waitFor();
const offered = (page: Page) => page.locator(".action h2").allTextContents();
const press = (page: Page, name: string) => page.getByRole("button", { name, exact: true }).click();

async function open(page: Page, id: string): Promise<void> {
  await page.locator(".lists").locator(`a[href$="${id}"]`).click();
  await untilShown(page, id);
  await page.waitForLoadState();
}

/** Makes a ticket by clicks, and gives its number. */
async function makeTicket(page: Page, subject: string): Promise<number> {
  await page.getByText("Make a new one").click();
  await page.getByLabel("Subject").fill(subject);
  await press(page, "Make the ticket");
  const ticket = page.locator("#action-ticket-link");
  await ticket.locator(".link.confirmed").waitFor();
  return Number(/Ticket (\d+)/.exec((await ticket.textContent()) ?? "")?.[1]);
}

// Everything is on machines that may have much else to do.
describe("people of each role at the console", { timeout: 120_000 }, () => {
  it("give a conversation that waits to who claims it, and tell who comes late that it is taken", async () => {
    const first = await queueConversation(stage, "claim-1");
    const second = await queueConversation(stage, "claim-2");
    const [ana, bruno] = await Promise.all([browser.enter(0), browser.enter(1, { hasScript: false })]);
    await ana.locator(`#waiting-${first}`).getByRole("button").click();
    await untilShown(ana, first);
    await ana.locator(`#own #item-${first}`).waitFor();
    expect(await offered(ana)).toEqual(["Ticket", "Close", "Transfer", "Template"]);

    await bruno.locator(`#waiting-${first}`).getByRole("button").click();
    await bruno.getByRole("alert").getByText("Agent 0 took this conversation at").waitFor();
    await open(bruno, second);
    expect(await offered(bruno)).toEqual(["Claim", "Transfer"]);
    await bruno.locator("#action-claim").getByRole("button").click();
    await untilState(bruno, "active");

    const assigned = await stage.sql`
      select conversation_id as id, agent_id as "agentId", reason ->> 'rule' as rule from assignments
      where conversation_id in (${first}, ${second}) order by assigned_at`;
    expect(assigned).toEqual([
      { id: first, agentId: stageAgent(0), rule: "claim" },
      { id: second, agentId: stageAgent(1), rule: "claim" },
    ]);
    expect((await (await inbox.as(1)).get(`/v1/conversations/${first}`)).status).toBe(403);
  });

  it("give who takes the next one whoever waits longest, and show an emptied queue on each screen", async () => {
    const first = await queueConversation(stage, "next-1");
    const second = await queueConversation(stage, "next-2");
    const [ana, bruno] = await Promise.all([browser.enter(0), browser.enter(1)]);
    await press(ana, "Take the next one of Support");
    await untilShown(ana, first);
    await press(bruno, "Take the next one of Support");
    await untilShown(bruno, second);
    for (const page of [ana, bruno]) {
      await page.getByText("Nobody waits.").waitFor();
      // The list and the count of a queue are two reads: what comes between them shows with the next event.
      await page.getByRole("button", { name: "Take the next one" }).waitFor({ state: "detached" });
    }
    expect(await readState(first)).toMatchObject({ state: "active", agentId: stageAgent(0) });
    expect(await readState(second)).toMatchObject({ state: "active", agentId: stageAgent(1) });
  });

  it("let an operator answer and link a ticket while a conversation waits, and an agent only once it has claimed it", async () => {
    const id = await queueConversation(stage, "early");
    const [operator, bruno] = await Promise.all([browser.enter(OPERATOR), browser.enter(1)]);
    await Promise.all([open(operator, id), open(bruno, id)]);
    expect(await offered(bruno)).toEqual(["Claim", "Transfer"]);
    expect(await bruno.getByLabel("Answer").count()).toBe(0);
    expect(await offered(operator)).toEqual(["Claim", "Ticket", "Transfer", "Template", "Spam"]);
    await operator.getByLabel("Answer").fill("Enseguida le atienden");
    await press(operator, "Send");
    await operator.locator(".message.out").getByText("Enseguida le atienden").waitFor();
    const number = await makeTicket(operator, "Espera larga");
    expect(await readState(id)).toMatchObject({ state: "queued", agentId: null, link: `${number} confirmed` });
    expect(await readLastEvent(id)).toMatchObject({ type: "ticket.confirmed", by: stageAgent(OPERATOR) });

    await bruno.locator("#action-claim").getByRole("button").click();
    // What was answered stood there before; the field comes with the claim.
    await bruno.getByLabel("Answer").waitFor();
    await bruno.locator(".message.out").getByText("Enseguida le atienden").waitFor();
    expect(await readState(id)).toMatchObject({ state: "active", agentId: stageAgent(1) });
  });

  it("confirm the proposed ticket that they saw and no other, and closing adds the history to it", async () => {
    const before = await giveConversation("ticket", 0);
    const api = await inbox.as(0);
    const old = await api.post(`/v1/conversations/${before}/ticket`, { subject: "Pedido 77" });
    await api.post(`/v1/conversations/${before}/close`);
    const other = await giveConversation("ticket-2", 0);
    const wanted = await api.post(`/v1/conversations/${other}/ticket`, { subject: "Reembolso" });
    const [oldNumber, number] = [old, wanted].map(({ body }) => Number(body["ticketNumber"]));

    // The customer comes back, and the ticket of last time is proposed; then a bot knows better.
    await stage.publish([{ id: "wamid.ticket.back", userId: "US.ticket", text: "y mi reembolso?" }]);
    const ana = await browser.enter(0);
    await ana.locator(".queue").getByRole("button", { name: "Claim" }).click();
    const ticket = ana.locator("#action-ticket-link");
    await ticket.getByText(`Ticket ${oldNumber}: Pedido 77`).waitFor();
    await ticket.locator(".link.proposed").waitFor();
    await press(ana, "Close the conversation");
    await ana.locator("#action-close").getByText("Its ticket link is only proposed").waitFor();
    const late = await browser.enter(0, { hasScript: false });
    const id = ana.url().slice(-before.length);
    await open(late, id);
    await stage.command("propose-ticket-link", { conversationId: id, ticket: { number: number ?? 0 } });
    await ticket.getByText(`Ticket ${number}: Reembolso`).waitFor();
    await press(late, "Confirm");
    await late.getByRole("alert").getByText(`Another ticket, ${number}, is proposed by now`).waitFor();
    expect((await readState(id)).link).toBe(`${number} proposed`);

    await press(ana, "Confirm");
    await ticket.locator(".link.confirmed").waitFor();
    expect((await readState(id)).link).toBe(`${number} confirmed`);
    expect(await readLastEvent(id)).toMatchObject({ type: "ticket.confirmed", by: stageAgent(0) });
    await press(ana, "Close the conversation");
    await waitForHistory(number ?? 0);

    // The ticket opens, so that she finishes it there.
    await ana.getByRole("heading", { name: `Ticket ${number}: Reembolso` }).waitFor();
    await ana.getByLabel("Closing note").fill("Devuelto hoy");
    await press(ana, "Save the note");
    await ana.locator(".note").getByText("Devuelto hoy").waitFor();
    await ana.getByLabel("Requester").fill("Marta Ruiz");
    await ana.getByLabel("Status").selectOption("solved");
    await press(ana, "Save the ticket");
    await ana.locator(".facts").getByText("Asked by Marta Ruiz").waitFor();
    const { ticket: saved } = await stage.command("read-ticket", { ticket: { number: number ?? 0 } });
    expect(saved).toMatchObject({ status: "solved", requester: { name: "Marta Ruiz" } });
  });

  it("finalise an expired conversation with its ticket, one of its exactly three actions, and only once", async () => {
    const id = await giveConversation("expired", 0);
    await expire(id);
    const [ana, operator] = await Promise.all([browser.enter(0), browser.enter(OPERATOR, { hasScript: false })]);
    await Promise.all([open(ana, id), open(operator, id)]);
    for (const page of [ana, operator]) expect(await offered(page)).toEqual(["Ticket", "Template", "Finalise"]);
    await press(ana, "Finalise the conversation");
    await ana.locator("#action-finalise").getByText("cannot end without a ticket").waitFor();
    const number = await makeTicket(ana, "Sin respuesta");
    await press(ana, "Finalise the conversation");
    await untilTicket(ana);
    await press(operator, "Finalise the conversation");
    await operator.getByRole("alert").getByText("This conversation is closed by Agent 0 at").waitFor();

    await ana.goto(`/console/c/${id}`);
    for (const page of [ana, operator]) {
      expect(await offered(page)).toEqual(["Write again"]);
      expect(await page.locator(`#expired #item-${id}`).count()).toBe(0);
    }
    expect(await readState(id)).toMatchObject({ state: "closed", link: `${number} confirmed` });
    expect(await readLastEvent(id)).toEqual({ type: "conversation.closed", by: stageAgent(0), how: "finalised" });
    await waitForHistory(number);
  });

  it("let a member of its group finalise what expired while nobody had it", async () => {
    const id = await queueConversation(stage, "nobody");
    const bruno = await browser.enter(1);
    await open(bruno, id);
    await expire(id);
    await untilState(bruno, "expired");
    expect(await offered(bruno)).toEqual(["Ticket", "Template", "Finalise"]);
    await makeTicket(bruno, "Nadie contestó");
    await press(bruno, "Finalise the conversation");
    await untilTicket(bruno);
    expect(await readState(id)).toMatchObject({ state: "closed", agentId: null });
    expect(await readLastEvent(id)).toMatchObject({ by: stageAgent(1), how: "finalised" });
  });

  it("see what their role lets them see: an agent its own, an operator its groups, an admin everything", async () => {
    const waiting = await queueConversation(stage, "seen-1");
    const elsewhere = await queueConversation(stage, "seen-2");
    await stage.command("transfer", { conversationId: elsewhere, to: { groupId: BILLING } });
    const taken = await giveConversation("seen-3", 0);
    const view = async (index: number) => {
      const page = await browser.enter(index, { hasScript: false });
      const has = async (selector: string) => (await page.locator(selector).count()) > 0;
      return {
        waiting: await has(`#waiting-${waiting}`),
        elsewhere: await has(`#waiting-${elsewhere}`),
        taken: await has(`#item-${taken}`),
        claims: await has(`:is(#waiting-${waiting}, #waiting-${elsewhere}) button`),
        sets: await has("[id^=person-] button"),
      };
    };
    expect(await Promise.all([1, OUTSIDER, OPERATOR, ADMIN].map(view))).toEqual([
      { waiting: true, elsewhere: false, taken: false, claims: true, sets: false },
      { waiting: false, elsewhere: true, taken: false, claims: true, sets: false },
      { waiting: true, elsewhere: false, taken: true, claims: true, sets: true },
      // It is of no group, so that it gives conversations to others and claims none.
      { waiting: true, elsewhere: true, taken: true, claims: false, sets: true },
    ]);
    const operator = await browser.enter(OPERATOR, { hasScript: false });
    await operator.locator(`#waiting-${waiting}`).getByRole("button").click();
    await operator.locator(`#own #item-${waiting}`).waitFor();
    expect(await readState(waiting)).toMatchObject({ agentId: stageAgent(OPERATOR) });
  });

  it("let an admin, who is of no group, give what waits to anybody, and answer and close what others have", async () => {
    const waiting = await queueConversation(stage, "admin-1");
    await stage.command("transfer", { conversationId: waiting, to: { groupId: BILLING } });
    const taken = await giveConversation("admin-2", 0);
    const admin = await browser.enter(ADMIN);
    await open(admin, waiting);
    const transfer = admin.locator("#action-transfer");
    await transfer.getByLabel("To", { exact: true }).selectOption({ label: "Outsider (away)" });
    await transfer.getByRole("button").click();
    await transfer.getByText("Outsider cannot take it: away").waitFor();
    await transfer.getByLabel("Even to who is away or full").check();
    await transfer.getByRole("button").click();
    await admin.locator(".facts").getByText("with Outsider").waitFor();
    const outsider = await browser.enter(OUTSIDER, { hasScript: false });
    expect(await outsider.locator(`#own #item-${waiting}`).count()).toBe(1);
    expect(await readState(waiting)).toMatchObject({ agentId: stageAgent(OUTSIDER), groupId: BILLING });

    await open(admin, taken);
    await admin.getByLabel("Answer").fill("Le atiende la dirección");
    await press(admin, "Send");
    await admin.locator(".message.out").getByText("Le atiende la dirección").waitFor();
    expect(await readLastEvent(taken)).toMatchObject({ type: "message.requested", by: stageAgent(ADMIN) });
    const number = await makeTicket(admin, "Queja");
    await press(admin, "Close the conversation");
    await untilTicket(admin);
    expect(await readState(taken)).toMatchObject({ state: "closed", link: `${number} confirmed` });
    expect(await readLastEvent(taken)).toMatchObject({ by: stageAgent(ADMIN), how: "closed" });
  });
});
