import { html, raw } from "hono/html";
import { createHash } from "node:crypto";

type Html = ReturnType<typeof html>;

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:1.5rem auto;padding:0 1rem;color:#1b1f24}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem .3rem 0;border-bottom:1px solid #e4e7eb}
form{display:inline-block;margin:.2rem .6rem .2rem 0}button,input,select{font:inherit;padding:.2rem .6rem}
.in,.out{padding:.4rem .8rem;margin:.3rem 0;border-radius:.5rem;max-width:80%;white-space:pre-wrap;overflow-wrap:anywhere}
.in{background:#f0f2f4}.out{background:#dff3e4;margin-left:auto}small{color:#5b6570}.problem{background:#fdecea;padding:.6rem}`;

/** Its own style, forms to itself, nothing else: no script runs in the console. */
export const CONSOLE_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`,
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

export interface ShownConversation {
  id: string;
  state: string;
  contact: { name: string | null; username: string | null; phone: string | null };
  waitedMs: number | null;
  sessionEndsAt: string | null;
  ticket: { number: number; link: string } | null;
  actions: string[];
}

export interface ShownGroup {
  id: string;
  name: string;
  waiting: number;
  agents: { id: string; name: string; availability: string; active: number }[];
}

export interface ShownMessage {
  direction: "in" | "out";
  kind: string;
  sentAt: string;
  send: { state: string } | null;
  text: string;
}

function layout(title: string, problem: string | null, body: Html, isRefreshing = false): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        ${isRefreshing ? html`<meta http-equiv="refresh" content="5" />` : ""}
        <title>${title}</title>
        ${raw(`<style>${STYLE}</style>`)}
      </head>
      <body>
        <p><a href="/console">Turno</a> · <a href="/docs">API</a></p>
        ${problem === null ? "" : html`<p class="problem" role="alert">${problem}</p>`} ${body}
      </body>
    </html>`;
}

const nameOf = ({ contact }: ShownConversation) => contact.name ?? contact.username ?? contact.phone ?? "(no name)";
const button = (action: string, label: string, fields: Html | "" = "") =>
  html`<form method="post" action="${action}">${fields}<button>${label}</button></form>`;

/** Where nobody is known yet. `isLocal`: an agent's id is enough. */
export function writeLogin(problem: string | null, isLocal: boolean): Html {
  const field = isLocal
    ? html`<label>Agent's id <input name="agentId" size="38" required /></label> `
    : html`<label>Token <input name="token" type="password" autocomplete="off" required /></label> `;
  return layout(
    "Turno: who are you?",
    problem,
    html`<h1>Who are you?</h1>
      ${button("/console/login", "Go on", field)}`,
  );
}

const availability = (value: string) => html`<input type="hidden" name="availability" value="${value}" />`;

/** Own conversations and the queues of own groups; shows itself again every five seconds. */
export function writeDesk(desk: {
  problem: string | null;
  agentId: string;
  groups: ShownGroup[];
  lists: { title: string; conversations: ShownConversation[] }[];
}): Html {
  const me = desk.groups.flatMap(({ agents }) => agents).find(({ id }) => id === desk.agentId);
  return layout(
    "Turno: conversations",
    desk.problem,
    html`<h1>${me?.name ?? "Conversations"}</h1>
      <p>
        ${me === undefined ? "" : html`You are ${me.availability}. `}
        ${button("/console/availability", "Available", availability("available"))}
        ${button("/console/availability", "Away", availability("away"))}
        ${button("/console/claim-next", "Take the next one")} ${button("/console/logout", "Leave")}
      </p>
      <p>${desk.groups.map(({ name, waiting }) => html`${name}: ${waiting} waiting. `)}</p>
      ${desk.lists.map(({ title, conversations }) => writeList(title, conversations))}`,
    true,
  );
}

function writeList(title: string, conversations: ShownConversation[]): Html {
  if (conversations.length === 0)
    return html`<h2>${title}</h2>
      <p>None.</p>`;
  return html`<h2>${title}</h2>
    <table>
      ${conversations.map(
        (one) =>
          html`<tr>
            <td><a href="/console/c/${one.id}">${nameOf(one)}</a></td>
            <td>${one.waitedMs === null ? "" : `${Math.round(one.waitedMs / 1000)} s`}</td>
            <td>${one.ticket === null ? "" : `Ticket ${one.ticket.number} (${one.ticket.link})`}</td>
            <td>${one.actions.includes("claim") ? button(`/console/c/${one.id}/claim`, "Claim") : ""}</td>
          </tr>`,
      )}
    </table>`;
}

/** One conversation with its messages and what can be done with it. */
export function writeConversation(shown: {
  problem: string | null;
  conversation: ShownConversation;
  messages: ShownMessage[];
  groups: ShownGroup[];
}): Html {
  const { conversation, messages } = shown;
  const until = conversation.sessionEndsAt === null ? "no open session" : `session until ${conversation.sessionEndsAt}`;
  return layout(
    `Turno: ${nameOf(conversation)}`,
    shown.problem,
    html`<h1>${nameOf(conversation)}</h1>
      <p><small>${conversation.state}, ${until}</small></p>
      ${messages.map(
        ({ direction, kind, sentAt, send, text }) =>
          html`<div class="${direction}">${text}<br /><small>${kind}, ${sentAt} ${send?.state ?? ""}</small></div>`,
      )}
      ${writeActions(conversation, shown.groups)}`,
  );
}

function writeActions(conversation: ShownConversation, groups: ShownGroup[]): Html {
  const { id, actions, ticket } = conversation;
  const at = (verb: string) => `/console/c/${id}/${verb}`;
  const can = (action: string, form: Html) => (actions.includes(action) ? form : "");
  const answer = html`<input name="text" size="50" maxlength="4096" required aria-label="Answer" /> `;
  const subject = html`<input name="subject" maxlength="200" required aria-label="Subject" /> `;
  const number = html`<input name="number" size="6" inputmode="numeric" required aria-label="Ticket number" /> `;
  const target = html`<select name="to" aria-label="To">
      ${groups.map(
        (group) =>
          html`<option value="group:${group.id}">${group.name}</option>
            ${group.agents.map((agent) => html`<option value="agent:${agent.id}">${agent.name}</option>`)}`,
      )}
    </select>
    <input name="reason" maxlength="1000" placeholder="Reason" aria-label="Reason" /> `;
  const decide = html`${button(at("ticket-link/confirm"), "Confirm the link")}${button(at("ticket-link/reject"), "Reject it")}`;
  return html`<h2>What next?</h2>
    ${ticket === null ? "" : html`<p>Ticket ${ticket.number} (${ticket.link})</p>`}
    <div>
      ${can("claim", button(at("claim"), "Claim"))} ${can("send", button(at("messages"), "Answer", answer))}
      ${can("transfer", button(at("transfer"), "Transfer", target))}
      ${ticket?.link === "proposed" ? can("ticket-link", html`${decide}`) : ""}
      ${can("ticket-link", button(at("ticket-link"), "Link the ticket", number))}
      ${ticket?.link === "confirmed" ? "" : can("ticket-link", button(at("ticket"), "Make a ticket", subject))}
      ${can("close", button(at("close"), "Close"))} ${can("finalise", button(at("finalise"), "Finalise"))}
    </div>`;
}
