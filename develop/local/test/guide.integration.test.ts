import { waitFor } from "@turno/testing";
import type { TestBrowser } from "@turno/testing/browser";
import { afterAll, beforeAll, expect, it } from "vitest";
import { LOGINS, prepareFirstDay } from "./fixtures/first-day.ts";

type Page = Awaited<ReturnType<TestBrowser["open"]>>;

const DAY_MS = 24 * 60 * 60_000;

let day: Awaited<ReturnType<typeof prepareFirstDay>>;
beforeAll(async () => {
  day = await prepareFirstDay();
}, 120_000);
afterAll(() => day.stop());

const press = (page: Page, name: string) => page.getByRole("button", { name, exact: true }).click();
const offered = (page: Page) => page.locator(".action h2").allTextContents();
const isLive = (page: Page) => page.locator("html[data-live=yes]").waitFor();

async function signIn(role: keyof typeof LOGINS): Promise<Page> {
  const page = await day.browser.open();
  await page.goto("/console");
  await page.getByRole("link", { name: "Sign in with the house" }).click();
  await page.getByLabel("Name").fill(LOGINS[role]);
  await press(page, "Continue");
  await isLive(page);
  expect(await page.locator(".me").textContent()).toContain(role);
  return page;
}

async function customerWrites(text: string): Promise<void> {
  const [customer] = day.meta.customers;
  if (customer === undefined) throw new Error("no customer");
  expect(await day.meta.post([day.meta.message({ customer, type: "text", text })])).toBe(true);
}

/** Whether somebody is shown what others have, and whose people it may call back. */
const viewOf = async (page: Page) => ({
  seesOthers: (await page.locator("#others a").count()) > 0,
  callsBack: await page.locator("details:has([id^=person-] button) > summary").allTextContents(),
});

async function setUp(): Promise<void> {
  await day.startServices();
  expect(await day.turno("apply")).toContain("Ana Souza");
  expect(await day.turno("tokens set")).toContain("1 channels go by it");
  const answer = await day.shakeHands();
  expect([answer.status, await answer.text()]).toEqual([200, "1"]);
}

/** A customer writes, and the agent's answer is delivered. Returns the address of the conversation. */
async function answerFirst(agent: Page): Promise<string> {
  await customerWrites("hola, ¿dónde está mi pedido?");
  await agent.locator("#own").getByRole("link").click();
  await agent.getByLabel("Answer").fill("Hola, lo reviso");
  await agent.getByLabel("Answer").press("Control+Enter");
  const answer = agent.locator(".message.out", { hasText: "Hola, lo reviso" });
  await answer.getByText("delivered").waitFor();
  // The simulated Graph takes no other token than the one of the account.
  expect(day.graph.ledger.messages()).toMatchObject([{ type: "text", fate: "reached" }]);
  return agent.url();
}

/** On the next day only a template reaches the customer. Returns the address of the conversation that it opened. */
async function reopen(agent: Page, expired: string): Promise<string> {
  await agent.goto(expired);
  await agent.locator(".facts .expired").waitFor();
  await isLive(agent);
  expect(await offered(agent)).toEqual(["Ticket", "Template", "Finalise"]);
  await agent.getByText("Make a new one").click();
  await agent.getByLabel("Subject").fill("Pedido 77");
  await press(agent, "Make the ticket");
  await agent.locator("#action-ticket-link .link.confirmed").waitFor();
  const template = agent.locator("#action-template");
  await template.getByLabel("Which").selectOption("resume_conversation|en_US");
  await press(agent, "Fill it in");
  await template.getByLabel("{{name}} in the body").fill("Zoe");
  await press(agent, "Send the template");
  await agent.getByText("continues an expired one").waitFor();
  expect(agent.url()).not.toBe(expired);
  return agent.url();
}

it("by the guide an empty machine comes to its first answered customer, and to the ticket of the last one", async () => {
  await setUp();
  const agent = await signIn("agent");
  await press(agent, "Set me available");
  await agent.locator("#my-availability").getByText("available", { exact: true }).waitFor();
  const first = await answerFirst(agent);

  const [operator, admin] = await Promise.all([signIn("operator"), signIn("admin")]);
  expect(await Promise.all([agent, operator, admin].map(viewOf))).toEqual([
    { seesOthers: false, callsBack: [] },
    { seesOthers: true, callsBack: ["People of Support"] },
    { seesOthers: true, callsBack: ["People of Billing", "People of Support"] },
  ]);
  await agent.context().close();

  await day.pass(DAY_MS + 60_000);
  const nextDay = await signIn("agent");
  await reopen(nextDay, first);
  await customerWrites("sí, gracias");
  await nextDay.getByText("sí, gracias").waitFor();
  await nextDay.getByLabel("Answer").waitFor();
  await press(nextDay, "Close the conversation");
  await nextDay.getByRole("heading", { name: "Ticket 1: Pedido 77" }).waitFor();

  await nextDay.goto(first);
  await press(nextDay, "Finalise the conversation");
  await nextDay.locator("article.ticket").waitFor();
  await waitFor(
    async () => {
      const rows = await day.sql<{ state: string }[]>`select state from conversations`;
      return rows.length === 2 && rows.every(({ state }) => state === "closed");
    },
    { what: "both conversations are closed" },
  );
  expect(await day.sql`select distinct ticket_number as number from conversations`).toEqual([{ number: 1 }]);
}, 240_000);
