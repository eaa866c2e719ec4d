import { createStage, shiftClock, stageAgent, waitFor, type Stage } from "@turno/testing";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startBrowser, type TestBrowser } from "@turno/testing/browser";
import { configureInbox, openConversation, OPERATOR } from "./fixtures.ts";
import { startInbox } from "./http.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

let stage: Stage;
let url: string;
let browser: TestBrowser | null = null;
beforeAll(async () => {
  stage = await createStage();
  await Promise.all([stage.start("router"), stage.start("session-tracker")]);
  ({ url } = await startInbox(stage));
  stage.keep();
});
beforeEach(async () => {
  browser = await startBrowser(url);
  await configureInbox(stage);
});
afterEach(async () => {
  await browser?.close();
  browser = null;
  await stage.clear();
});
afterAll(() => stage.stop());

const enter: TestBrowser["enter"] = async (index, screen) => {
  if (browser === null) throw new Error("no browser was started");
  return browser.enter(index, screen);
};

/** Loading a page would lose this mark. */
const mark = (page: Page) => page.evaluate("void (document.documentElement.dataset.mark = 'here')");
const isTheSame = (page: Page) => page.evaluate("document.documentElement.dataset.mark === 'here'");

const alert = (page: Page) => page.getByRole("alert");
const write = (user: string, id: string, text: string) =>
  stage.publish([{ id: `wamid.${user}.${id}`, userId: `US.${user}`, text }]);

// Each test starts three services and a browser, on machines that may have much else to do.
describe("the console in a browser", { timeout: 120_000 }, () => {
  it("carries a conversation from the first message to its closed ticket over two agents, and renews itself", async () => {
    await stage.command("set-availability", { agentId: stageAgent(0), availability: "away" });
    const ana = await enter(0);
    await mark(ana);
    await write("a", "0", "hola, ¿dónde está mi pedido?");
    await ana.locator(".queue").getByRole("link", { name: "waits for" }).click();
    await ana.getByText(/^Number 1 in the queue\. Nobody can take it now: .*you \(away\)/).waitFor();
    await ana.getByRole("button", { name: "Set me available" }).click();
    await ana.locator("#own").getByRole("link").waitFor();
    await ana.getByText("¿dónde está mi pedido?").waitFor();

    // What happens meanwhile is shown, and what is being written stays.
    const answer = ana.getByLabel("Answer");
    await answer.fill("Hola, lo reviso");
    await write("a", "1", "es el número 77");
    await ana.getByText("es el número 77").waitFor();
    expect(await answer.inputValue()).toBe("Hola, lo reviso");
    expect(await ana.evaluate("document.activeElement.id")).toBe("answer");
    await answer.press("Control+Enter");
    await ana.locator(".message.out").getByText("Hola, lo reviso").waitFor();
    await waitFor(async () => (await answer.inputValue()) === "", { what: "the answer's field is empty" });

    // To somebody who is away it is refused, in the form itself; then it appears on the other's screen.
    const bruno = await enter(1);
    await mark(bruno);
    const transfer = ana.locator("#action-transfer");
    await transfer.getByLabel("To", { exact: true }).selectOption({ label: "Agent 1 (away)" });
    await transfer.getByLabel("Reason").fill("conoce los pedidos");
    await transfer.getByRole("button", { name: "Transfer" }).click();
    await transfer.getByText("Agent 1 cannot take it: away").waitFor();
    await bruno.getByRole("button", { name: "Set me available" }).click();
    await bruno.locator("#my-availability").getByText("available").waitFor();
    expect(await transfer.getByLabel("Reason").inputValue()).toBe("conoce los pedidos");
    await transfer.getByRole("button", { name: "Transfer" }).click();
    await ana.getByText("You have no conversation.").waitFor();
    await bruno.locator("#own").getByRole("link").click();
    await bruno.getByRole("link", { name: "What happened, and why" }).click();
    await bruno.getByText("Transferred by Agent 0 to you: “conoce los pedidos”").waitFor();

    await bruno.getByRole("button", { name: "Close the conversation" }).click();
    await bruno.locator("#action-close").getByText("cannot end without a ticket").waitFor();
    await bruno.getByText("Make a new one").click();
    await bruno.getByLabel("Subject").fill("Pedido 77");
    await bruno.getByRole("button", { name: "Make the ticket" }).click();
    await bruno.locator("#action-ticket-link").getByText("Ticket 1").waitFor();
    await bruno.getByRole("button", { name: "Close the conversation" }).click();
    await bruno.getByRole("heading", { name: "Ticket 1: Pedido 77" }).waitFor();
    await bruno.locator(".action h2").first().waitFor();
    expect(await bruno.locator(".action h2").allTextContents()).toEqual(["Edit", "Write again"]);
    expect(await alert(bruno).count()).toBe(0);
    expect([await isTheSame(ana), await isTheSame(bruno)]).toEqual([true, true]);
  });

  it("finds and links a ticket, and lets a proposed one be confirmed or rejected", async () => {
    const first = await openConversation(stage, "old");
    await stage.command("create-ticket", { conversationId: first, subject: "Factura de mayo", body: "" });
    const id = await openConversation(stage, "a");
    const ana = await enter(0);
    await ana.goto(`/console/c/${id}`);
    const ticket = ana.locator("#action-ticket-link");
    await ana.locator("html[data-live=yes]").waitFor();
    await stage.command("propose-ticket-link", { conversationId: id, ticket: { number: 1 } });
    await ticket.getByText("proposed").waitFor();
    await ticket.getByRole("button", { name: "Reject" }).click();
    await ticket.getByText("No ticket is linked.").waitFor();
    await ticket.getByText("Link one that exists").click();
    await ticket.getByLabel("Number or words").fill("factúra");
    await ticket.getByRole("button", { name: "Search" }).click();
    // It is another customer's, which is said, and has to be meant.
    await ticket.locator("#ticket-1").getByText("for another customer").waitFor();
    await ticket.getByRole("button", { name: "Link ticket 1" }).click();
    await ticket.getByText("was made for another customer").waitFor();
    await ticket.locator("#ticket-1").getByLabel("Even if it is another customer's").check();
    await ticket.getByRole("button", { name: "Link ticket 1" }).click();
    await ticket.locator(".link.confirmed").waitFor();
    expect(await ticket.textContent()).toContain("Factura de mayo");
  });

  it("shows an operator what others have, and lets it force a transfer and call people back", async () => {
    const id = await openConversation(stage, "a");
    const operator = await enter(OPERATOR);
    await operator.locator("#others").getByRole("link").click();
    const transfer = operator.locator("#action-transfer");
    await transfer.getByLabel("To", { exact: true }).selectOption({ label: "Agent 1 (away)" });
    await transfer.getByLabel("Even to who is away or full").check();
    await transfer.getByRole("button", { name: "Transfer" }).click();
    await operator.locator(".facts").getByText("with Agent 1").waitFor();
    await operator.getByText("People of Support").click();
    await operator.getByRole("button", { name: "Set available: Agent 1" }).click();
    await operator.getByRole("button", { name: "Set away: Agent 1" }).waitFor();
    const [row] = await stage.sql`select agent_id as "agentId" from conversations where id = ${id}`;
    expect(row).toEqual({ agentId: stageAgent(1) });
  });

  it("works on a small screen, by keyboard alone, and without its script", async () => {
    const id = await openConversation(stage, "a");
    const page = await enter(0, { width: 400, height: 800, hasScript: false });
    await page.locator("#own").getByRole("link").focus();
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/console/c/${id}`);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(400);
    await page.getByLabel("Answer").focus();
    await page.keyboard.type("Buenos días");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.locator(".message.out").getByText("Buenos días").waitFor();
    await page.getByRole("button", { name: "Close the conversation" }).press("Enter");
    await alert(page).getByText("cannot end without a ticket").waitFor();
    const unnamed = await page.locator("button, a, input:not([type=hidden]), select, textarea").evaluateAll((all) =>
      all.filter((one) => {
        const labels = "labels" in one ? (one.labels as ArrayLike<unknown> | null) : null;
        const name = one.getAttribute("aria-label") ?? one.textContent ?? "";
        return /^(INPUT|SELECT|TEXTAREA)$/.test(one.tagName) ? (labels?.length ?? 0) === 0 : name.trim() === "";
      }),
    );
    expect(unnamed).toEqual([]);
  });

  it("writes to a number first, once while the conversation is open, and again from the closed one, with its ticket", async () => {
    await stage.sql`insert into templates (account_id, name, language, template_id, status, category, components, changed_at)
      values ('100', 'pickup', 'es', '1', 'APPROVED', 'UTILITY', '[{"type":"BODY","text":"Hola {{1}}, ya está listo"}]', now())`;
    const ana = await enter(0);
    const fill = async (name: string) => {
      await ana.getByRole("button", { name: "Choose a template" }).click();
      await ana.getByLabel("Which").selectOption("pickup|es");
      await ana.getByRole("button", { name: "Fill it in" }).click();
      await ana.getByLabel("{{1}} in the body").fill(name);
      await ana.getByRole("button", { name: "Write to the customer" }).click();
    };
    const writeTo = async (number: string) => {
      await ana.locator("#write-first").click();
      await ana.getByLabel("Phone number").fill(number);
      await ana.getByLabel("From").selectOption({ label: "Main" });
      await fill("Eva");
    };
    await writeTo("12");
    await alert(ana).getByText("to.phone: must be a phone number with its country code").waitFor();
    await writeTo("+34 600-111-222");
    await ana.getByText("Hola Eva, ya está listo").waitFor();
    await ana.getByText("No open session: only a template reaches the customer.").waitFor();
    const id = /c\/([-0-9a-f]+)$/.exec(ana.url())?.[1] ?? "";
    await writeTo("0034600111222");
    await alert(ana)
      .getByText(/^This customer has an open conversation on this channel\. It is with Agent 0 since/)
      .waitFor();

    await stage.command("create-ticket", { conversationId: id, subject: "Recogida", body: "" });
    await stage.command("close", { conversationId: id });
    await ana.goto(`/console/c/${id}`);
    await ana.locator("#action-start").getByRole("link", { name: "Write to this customer…" }).click();
    await fill("Eva Ruiz");
    await ana.getByText("Hola Eva Ruiz, ya está listo").waitFor();
    expect(ana.url()).not.toContain(id);
    await ana.locator("#action-ticket-link").getByText("Ticket 1").waitFor();
    await ana.locator("#action-ticket-link .link.confirmed").waitFor();
    await ana.getByRole("link", { name: "What happened, and why" }).click();
    await ana.getByText("You wrote first, for you").waitFor();
  });

  it("lets an operator end as spam and block its customer, and unblock it again", async () => {
    const id = await openConversation(stage, "nuisance");
    const operator = await enter(OPERATOR);
    await operator.goto(`/console/c/${id}`);
    await operator.getByLabel("Also block this customer").check();
    await operator.getByRole("button", { name: "Close as spam" }).click();
    await operator.locator(".facts .closed").waitFor();
    expect(await operator.locator(".facts").textContent()).toContain("blocked since");
    await operator.getByRole("link", { name: "What happened, and why" }).click();
    await operator.getByText("Closed as spam by you").waitFor();
    await operator.getByRole("button", { name: "Unblock this customer" }).click();
    await operator.getByText("Block this customer…").click();
    await operator.getByLabel("Why").fill("Every night");
    await operator.getByRole("button", { name: "Block", exact: true }).click();
    await operator.getByRole("button", { name: "Unblock this customer" }).waitFor();
    const told = await stage.sql`
      select type, data ->> 'reason' as reason from events where starts_with(type, 'contact.') order by position`;
    expect(told).toEqual([
      { type: "contact.blocked", reason: "spam" },
      { type: "contact.unblocked", reason: null },
      { type: "contact.blocked", reason: "Every night" },
    ]);
  });

  // The last one: the rules' clock goes on from here.
  it("offers exactly three things for an expired conversation, and a template leads to the new one", async () => {
    await stage.sql`insert into templates (account_id, name, language, template_id, status, category, components, changed_at)
      values ('100', 'resume', 'es', '1', 'APPROVED', 'UTILITY',
        '[{"type":"BODY","text":"Hola {{name}}, ¿seguimos con su caso?"}]', now()),
        ('100', 'paused', 'es', '2', 'PAUSED', 'UTILITY', '[]', now())`;
    const id = await openConversation(stage, "a");
    const ana = await enter(0);
    await ana.locator("#own").getByRole("link").click();
    await ana.getByLabel("Answer").fill("Tarde");
    await shiftClock(stage, DAY_MS + 60_000);
    await ana.locator(".facts .expired").waitFor();
    const titles = () => ana.locator(".action h2").allTextContents();
    expect(await titles()).toEqual(["Ticket", "Template", "Finalise"]);
    expect(await ana.getByLabel("Answer").count()).toBe(0);

    const template = ana.locator("#action-template");
    const options = await template.getByLabel("Which").locator("option").allTextContents();
    expect(options.map((text) => text.trim())).toEqual(["Choose…", "resume (es)"]);
    await template.getByLabel("Which").selectOption("resume|es");
    await template.getByRole("button", { name: "Fill it in" }).click();
    await template.getByLabel("{{name}} in the body").fill("Zoe");
    await template.getByRole("button", { name: "Send the template" }).click();
    await ana.getByText("continues an expired one").waitFor();
    await ana.getByText("Hola Zoe, ¿seguimos con su caso?").waitFor();
    expect(ana.url()).not.toContain(id);
    // The customer has not answered yet: only another template reaches it.
    expect(await titles()).toEqual(["Ticket", "Close", "Transfer", "Template"]);
    const [sent] = await stage.sql<{ payload: string }[]>`
      select payload::text from messages where direction = 'out' and kind = 'template'`;
    expect(sent?.payload).toContain('"parameter_name":"name"');
    await ana.getByText("continues an expired one").click();
    await ana.locator(`#conversation-${id}`).waitFor();
    await ana.getByText("goes on in another one").waitFor();
    expect(await titles()).toEqual(["Finalise"]);
  });
});
