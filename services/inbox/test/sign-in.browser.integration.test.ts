import type { CommandInput } from "@turno/contracts";
import { pickFreePort } from "@turno/servers";
import { createStage, stageAgent, STAGE_GROUP, type Stage } from "@turno/testing";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startBrowser, type TestBrowser } from "@turno/testing/browser";
import { ADMIN, configureInbox, OPERATOR } from "./fixtures.ts";
import { startIssuer, type TestIssuer } from "@turno/testing/identity-provider";

type Named = NonNullable<CommandInput<"configure">["agents"]>[number];

let stage: Stage;
let issuer: TestIssuer;
let browser: TestBrowser;
let url = "";
beforeAll(async () => {
  const port = await pickFreePort();
  url = `http://127.0.0.1:${port}`;
  [stage, issuer] = await Promise.all([createStage(), startIssuer(url, ["house"])]);
  const environment = {
    NODE_ENV: "production",
    PORT: String(port),
    PUBLIC_URL: url,
    OIDC_ISSUERS: JSON.stringify([issuer.settings("house", "the house")]),
  };
  await Promise.all([stage.start("inbox", environment), stage.start("router")]);
  [browser] = await Promise.all([startBrowser(url), configureInbox(stage)]);
});
afterAll(async () => {
  await browser.close();
  await issuer.stop();
  await stage.stop();
});

async function signIn(page: Page, name: string): Promise<void> {
  await page.getByRole("link", { name: "Sign in with the house" }).click();
  await page.getByLabel("Name").fill(name);
  await page.getByRole("button", { name: "Continue" }).click();
}

it("an agent, an operator and an admin sign in at their provider, come to the page they wanted, and leave", async () => {
  const people = [
    { id: stageAgent(0), name: "Ana", role: "agent", groupIds: [STAGE_GROUP] },
    { id: stageAgent(OPERATOR), name: "Olga", role: "operator", groupIds: [STAGE_GROUP] },
    { id: stageAgent(ADMIN), name: "Ada", role: "admin", groupIds: [STAGE_GROUP] },
  ] satisfies Omit<Named, "email">[];
  const agents = people.map((person) => ({ ...person, email: `${person.name}@example.org` }));
  await stage.command("configure", { agents });
  for (const { name, role } of people) {
    issuer.people.set(name, { email: `${name}@Example.org`, email_verified: true });
    const page = await browser.open();
    await page.goto("/console?find=pedido");
    await signIn(page, name);
    await page.locator("html[data-live=yes]").waitFor();
    expect(new URL(page.url()).search).toBe("?find=pedido");
    expect(await page.locator(".me").textContent()).toMatch(new RegExp(`${name}\\s+${role}`));

    await page.getByRole("button", { name: "Leave" }).click();
    await page.getByRole("heading", { name: "Leave?" }).waitFor();
    await page.getByRole("button", { name: "Leave" }).click();
    await page.getByRole("heading", { name: "You are signed out" }).waitFor();
    await page.goto("/console");
    // Of the provider it is gone as well: it asks again who somebody is.
    await signIn(page, name);
    await page.locator("html[data-live=yes]").waitFor();
    await page.context().close();
  }
  const stranger = await browser.open();
  await stranger.goto("/console");
  await signIn(stranger, "Eve");
  await stranger.getByRole("heading", { name: "You are not known here" }).waitFor();
});
