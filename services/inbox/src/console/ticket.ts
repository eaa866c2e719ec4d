import { TICKET_STATUSES } from "@turno/contracts";
import { html } from "hono/html";
import { firstPathOf } from "./first-path.ts";
import type { FormWriter, Html } from "./form.ts";
import type { Form } from "./forms.ts";
import type { Page, ShownAction, ShownTicket, TicketScreen } from "./read-page.ts";
import { namesIn, sayActor } from "./words.ts";
import { writeTime } from "./time.ts";

/** Writes the screen of a ticket: what it is, what was done on it, and what its people can do with it. */
export function writeTicketScreen(page: Page, { ticket, actions }: TicketScreen, writer: FormWriter): Html {
  return html`<article class="conversation ticket" id="ticket-screen-${ticket.number}">
    <header>
      <a class="back" href="/console">← All conversations</a>
      <h1>Ticket ${ticket.number}: ${ticket.subject}</h1>
      <p class="facts">
        <span class="state">${ticket.status}</span> <span>${sayRequester(ticket)}</span> ${writeTime(ticket.createdAt)}
      </p>
    </header>
    <div class="said">
      ${ticket.body === "" ? "" : html`<p class="body">${ticket.body}</p>`}
      <ol class="actions" aria-label="What was done on the ticket, newest first">
        ${actions.map((action) => writeAction(page, ticket, action, writer))}
      </ol>
    </div>
    <aside aria-label="Actions">
      <section class="action" id="action-edit-ticket">
        <h2>Edit</h2>
        ${writeTicketEdit(ticket, writer)}
      </section>
      ${writeFirstLink(page, ticket)}
    </aside>
  </article>`;
}

function writeFirstLink({ me }: Page, { requesterId }: ShownTicket): Html | "" {
  if (requesterId === null || me.scopes["start-conversation"] === "none") return "";
  return html`<section class="action" id="action-start">
    <h2>Write again</h2>
    <p><a href="${firstPathOf(requesterId, null)}">Write to this customer…</a></p>
  </section>`;
}

export function sayRequester({ requester: { name, reach } }: ShownTicket): string {
  if (name === "") return "Nobody is noted as requester";
  return `Asked by ${name}${reach === "" || reach === name ? "" : ` (${reach})`}`;
}

const KIND_WORDS = { history: "Conversation", comment: "Comment", edit: "Change" };

function writeAction(page: Page, ticket: ShownTicket, action: ShownAction, writer: FormWriter): Html {
  const { id, kind, author, body, isCut, note, createdAt } = action;
  const names = namesIn(page.groups, page.me.agentId);
  const by = html`<small
    >${KIND_WORDS[kind]}, by ${sayActor({ actor: author }, names)}, ${writeTime(createdAt)}</small
  >`;
  const cut = isCut ? html`<small>It goes on; the API returns all of it.</small>` : "";
  if (kind !== "history") {
    return html`<li id="action-${id}">
      ${by}
      <pre>${body}</pre>
      ${cut}
    </li>`;
  }
  const said =
    note === null
      ? html`<p class="none">No closing note yet.</p>`
      : html`<p class="note" id="note-${id}">
          <strong>${note.text}</strong>
          <small>by ${sayActor({ actor: note.author }, names)}, ${writeTime(note.at)}</small>
        </p>`;
  const name = `note-${id}`;
  const fields = html`<label for="field-${name}">Closing note</label>
    <textarea id="field-${name}" name="note" rows="2" maxlength="4000" required>
${writer.given(name, "note", note?.text ?? "")}</textarea>`;
  const path = `/console/t/${ticket.number}/note/${id}`;
  return html`<li id="action-${id}">
    ${by} ${said}
    ${writer.form({ name, action: path, button: "Save the note", fields, kind: note === null ? "main" : "quiet" })}
    <details>
      <summary>What was said</summary>
      <pre>${body}</pre>
      ${cut}
    </details>
  </li>`;
}

/** Writes the form that changes a ticket. `conversationId`: where it leads back to. */
export function writeTicketEdit(ticket: ShownTicket, writer: FormWriter, conversationId?: string): Html {
  const name = "edit-ticket";
  const given = (field: string, otherwise: string) => writer.given(name, field, otherwise);
  const status = given("status", ticket.status);
  const fields = html`<input type="hidden" name="version" value="${ticket.version}" />
    ${conversationId === undefined ? "" : html`<input type="hidden" name="back" value="${conversationId}" />`}
    <label for="edit-subject">Subject</label>
    <input id="edit-subject" name="subject" maxlength="200" required value="${given("subject", ticket.subject)}" />
    <label for="edit-requester">Requester</label>
    <input id="edit-requester" name="requester" maxlength="100" value="${given("requester", ticket.requester.name)}" />
    <label for="edit-reach">How to reach them</label>
    <input id="edit-reach" name="reach" maxlength="200" value="${given("reach", ticket.requester.reach)}" />
    <label for="edit-body">What it is about</label>
    <textarea id="edit-body" name="body" rows="2" maxlength="20000">${given("body", ticket.body)}</textarea>
    <label for="edit-status">Status</label>
    <select id="edit-status" name="status">
      ${TICKET_STATUSES.map((one) => html`<option value="${one}" ${one === status ? "selected" : ""}>${one}</option>`)}
    </select>
    <label for="edit-comment">Comment</label>
    <textarea id="edit-comment" name="comment" rows="2" maxlength="20000">${given("comment", "")}</textarea>`;
  return writer.form({ name, action: `/console/t/${ticket.number}/edit`, button: "Save the ticket", fields });
}

/** Returns the request of a filled form. */
export function readTicketEdit({ version, subject = "", requester = "", reach = "", ...form }: Form): object {
  const { body = "", status, comment = "" } = form;
  return {
    version: Number(version),
    subject,
    body,
    status,
    ...(requester === "" ? {} : { requester: { name: requester, reach } }),
    ...(comment === "" ? {} : { comment }),
  };
}
