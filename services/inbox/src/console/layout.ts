import { EVENTS } from "@turno/contracts";
import { html } from "hono/html";
import { SCRIPT, STYLE } from "./assets.ts";
import { writeConversation } from "./conversation.ts";
import { writeFirstScreen } from "./first.ts";
import { createFormWriter, refusalOf, type FormWriter, type Html } from "./form.ts";
import { writeLists } from "./lists.ts";
import type { Page } from "./read-page.ts";
import { writeTicketScreen } from "./ticket.ts";

/** Allows only what the inbox itself serves: no inline script or style, no other site, no frame around it. */
export const CONSOLE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

/** Writes a page around its body. `to` is where it goes on to by itself. */
export function writeDocument(title: string, body: Html, to: string | null = null): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        ${to === null ? "" : html`<meta http-equiv="refresh" content="0; url=${to}" />`}
        <title>${title}</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="/console/${STYLE.name}" />
        <script type="module" src="/console/${SCRIPT.name}"></script>
      </head>
      ${body}
    </html>`;
}

export interface Person {
  id: string;
  name: string;
  role: string;
}

/** How people may say who they are: an issuer's pages, the name of anybody (in the local stack), or a token. */
export type EntryChoice =
  | { by: "issuer"; issuers: readonly { name: string; label: string }[]; returnTo: string }
  | { by: "name"; people: readonly Person[] }
  | { by: "token" };

/** Writes the page to enter. */
export function writeLogin(problem: string | null, choice: EntryChoice): Html {
  return writeDocument(
    "Turno: who are you?",
    html`<body class="login">
      <main>
        <h1>Who are you?</h1>
        ${problem === null ? "" : refusalOf(problem)}
        ${choice.by === "issuer" ? choice.issuers.map((issuer) => writeIssuer(issuer, choice.returnTo)) : writeEntryForm(choice)}
      </main>
    </body>`,
  );
}

/** A link and no form: a form may lead to no other site. */
function writeIssuer({ name, label }: { name: string; label: string }, returnTo: string): Html {
  const address = `/sign-in/${name}?${new URLSearchParams({ to: returnTo }).toString()}`;
  return html`<p><a class="main" href="${address}">Sign in with ${label}</a></p>`;
}

function writeEntryForm(choice: Exclude<EntryChoice, { by: "issuer" }>): Html {
  const who =
    choice.by === "token"
      ? html`<label for="token">Token</label>
          <input id="token" name="token" type="password" autocomplete="off" required />`
      : html`<label for="agentId">Agent</label>
          <select id="agentId" name="agentId" required>
            ${choice.people.map(({ id, name, role }) => html`<option value="${id}">${name} (${role})</option>`)}
          </select>`;
  const form = { name: "login", action: "/console/login", button: "Enter", fields: who, kind: "main" as const };
  return createFormWriter(null).form(form);
}

/** Writes the console: own conversations, queues, and the open conversation. Its script renews it at each event. */
export function writePage(page: Page): Html {
  const writer = createFormWriter(page.refused);
  const waiting = page.groups.reduce((sum, group) => sum + group.waiting, 0);
  const lists = writeLists(page, writer);
  const main =
    page.screen !== null
      ? writeTicketScreen(page, page.screen, writer)
      : page.opened === null
        ? html`<p class="none">Choose a conversation, or take the next one of a queue.</p>`
        : writeConversation(page, page.opened, writer);
  const shown = page.first === null ? main : writeFirstScreen(page, page.first, writer);
  const header = writeHeader(page, writer);
  // The refusal of a form that is no longer on the page stands on top of it.
  const told = page.refused === null || writer.hasTold() ? "" : refusalOf(page.refused.detail);
  return writeDocument(
    `${waiting === 0 ? "" : `(${waiting}) `}Turno`,
    html`<body
      class="${page.opened === null && page.screen === null && page.first === null ? "desk" : "open"}"
      data-events="${Object.keys(EVENTS).join(" ")}"
    >
      <a class="skip" href="#main">To the conversation</a>
      ${header} ${lists}
      <main id="main" tabindex="-1">${told} ${shown}</main>
    </body>`,
  );
}

function writeHeader(page: Page, writer: FormWriter): Html {
  const { agentId, role } = page.me;
  const own = page.groups.flatMap(({ agents }) => agents).find(({ id }) => id === agentId);
  const isThere = own?.availability === "available";
  const fields = html`<input type="hidden" name="availability" value="${isThere ? "away" : "available"}" />
    <input type="hidden" name="agentId" value="${agentId}" />`;
  const button = isThere ? "Set me away" : "Set me available";
  const availability = { name: "availability", action: "/console/availability", button, fields };
  return html`<header class="top">
    <a class="brand" href="/console">Turno</a>
    <span class="me">
      <strong>${own?.name ?? "You"}</strong> <small>${role}</small>
      ${own === undefined ? "" : html`<span class="state ${own.availability}" id="my-availability">${own.availability}</span>`}
    </span>
    ${own === undefined ? "" : writer.form(availability)}
    ${writer.form({ name: "logout", action: "/console/logout", button: "Leave" })}
    <span id="live" role="status"></span>
  </header>`;
}
