import { html } from "hono/html";
import type { ConversationView } from "../lists/conversation-row.ts";
import type { FormWriter, Html } from "./form.ts";
import { firstPathOf } from "./first-path.ts";
import { templateFields, type Form } from "./forms.ts";
import type { ShownGroup, ShownConversation, Page, ShownTemplate, ShownTicket } from "./read-page.ts";
import { writeBlocking, writeSpam } from "./nuisance.ts";
import { sayRequester, writeTicketEdit } from "./ticket.ts";
import { nameOfContact } from "./words.ts";

/**
 * Writes the forms of what the API lets the caller do with a conversation now. The form for an answer is below the
 * messages.
 */
export function writeActions(page: Page, opened: ShownConversation, writer: FormWriter): Html {
  const { conversation } = opened;
  const at = (verb: string) => `/console/c/${conversation.id}/${verb}`;
  const reason = html`<label for="decline-reason">Reason</label>
    <input id="decline-reason" name="reason" maxlength="1000" value="${writer.given("decline", "reason")}" />`;
  const sections: Record<string, () => Html> = {
    accept: () => writer.form({ name: "accept", action: at("accept"), button: "Accept", kind: "main" }),
    decline: () => writer.form({ name: "decline", action: at("decline"), button: "Decline", fields: reason }),
    claim: () => writer.form({ name: "claim", action: at("claim"), button: "Claim", kind: "main" }),
    "ticket-link": () => writeTicket(page, opened, writer),
    template: () => writeTemplate(page, opened, writer),
    start: () =>
      html`<p>
        <a href="${firstPathOf(conversation.contact.id, conversation.channel.id)}">Write to this customer…</a>
      </p>`,
    transfer: () => writeTransfer(page, opened, writer),
    close: () => writer.form({ name: "close", action: at("close"), button: "Close the conversation", kind: "grave" }),
    finalise: () => writeFinalise(opened, at("finalise"), writer),
    "close-as-spam": () => writeSpam(conversation, writer),
  };
  const titles: Record<string, string> = {
    accept: "Offered to you",
    decline: "Not now",
    claim: "Claim",
    "ticket-link": "Ticket",
    template: "Template",
    start: "Write again",
    transfer: "Transfer",
    close: "Close",
    finalise: "Finalise",
    "close-as-spam": "Spam",
  };
  return html`${conversation.actions
    .filter((action) => Object.hasOwn(sections, action))
    .map(
      (action) =>
        html`<section class="action" id="action-${action}">
          <h2>${titles[action] ?? action}</h2>
          ${sections[action]?.() ?? ""}
        </section>`,
    )}
  ${writeBlocking(page, conversation, writer)}`;
}

const ANOTHERS = html`<label class="check">
  <input type="checkbox" name="anothers" value="yes" /> Even if it is another customer's
</label>`;

/** Without a ticket of its own it takes the one that is named, or that of the conversation in which it goes on. */
function writeFinalise({ conversation }: ShownConversation, action: string, writer: FormWriter): Html {
  const isLinked = conversation.ticket?.link === "confirmed";
  const number = html`<label for="finalise-number">Number of its ticket</label>
    <input
      id="finalise-number"
      name="number"
      inputmode="numeric"
      pattern="[0-9]{1,15}"
      value="${writer.given("finalise", "number")}"
    />
    ${ANOTHERS}`;
  const fields = isLinked ? html`` : number;
  return writer.form({ name: "finalise", action, button: "Finalise the conversation", kind: "grave", fields });
}

function writeTicket(page: Page, { conversation, ticket, found }: ShownConversation, writer: FormWriter): Html {
  const at = (verb: string) => `/console/c/${conversation.id}/${verb}`;
  const link = conversation.ticket;
  const subject = ticket === null ? "" : html`: ${ticket.subject} <small>(${ticket.status})</small>`;
  const said =
    link === null
      ? html`<p>No ticket is linked.</p>`
      : html`<p>
          <a href="/console/t/${link.number}"><strong>Ticket ${link.number}</strong></a
          >${subject}
          <span class="link ${link.link}">${link.link}</span>
        </p>`;
  const whose = ticket === null ? "" : html`<p><small>${sayWhose(ticket, conversation)}</small></p>`;
  const seen = html`<input type="hidden" name="ticketId" value="${link?.id ?? ""}" />`;
  const decide = html`<div class="row">
    ${writer.form({ name: "confirm", action: at("ticket-link/confirm"), button: "Confirm", fields: seen, kind: "main" })}
    ${writer.form({ name: "reject", action: at("ticket-link/reject"), button: "Reject", fields: seen })}
  </div>`;
  return html`${said} ${whose} ${link?.link === "proposed" ? decide : ""}
    ${writeEdit(page, conversation, ticket, writer)}
    <details id="ticket-search" ${found === null ? "" : "open"}>
      <summary>${link === null ? "Link one that exists" : "Link another one"}</summary>
      ${writeSearch(page, conversation, found, writer)}
    </details>
    ${link?.link === "confirmed" ? "" : writeNewTicket(page, conversation, writer)}`;
}

const isAnothers = ({ requesterId }: ShownTicket, { contact }: ConversationView) =>
  requesterId !== null && requesterId !== contact.id;

function sayWhose(ticket: ShownTicket, conversation: ConversationView): string {
  return `${sayRequester(ticket)}${isAnothers(ticket, conversation) ? ", for another customer" : ""}`;
}

function writeEdit(page: Page, { id }: ConversationView, ticket: ShownTicket | null, writer: FormWriter): Html | "" {
  if (ticket === null) return "";
  return html`<details id="ticket-edit" ${page.refused?.form === "edit-ticket" ? "open" : ""}>
    <summary>Edit the ticket</summary>
    ${writeTicketEdit(ticket, writer, id)}
  </details>`;
}

function writeSearch(
  page: Page,
  conversation: ConversationView,
  found: ShownConversation["found"],
  writer: FormWriter,
): Html {
  const { id } = conversation;
  const fields = html`<label for="find">Number or words</label>
    <input id="find" type="search" name="find" maxlength="200" value="${page.query["find"] ?? ""}" />`;
  const search = { name: "find", action: `/console/c/${id}`, button: "Search", method: "get" as const, fields };
  const results = (found ?? []).map((ticket) => {
    const { number, subject, status } = ticket;
    const field = html`<input type="hidden" name="number" value="${number}" />
      <input type="hidden" name="find" value="${page.query["find"] ?? ""}" />
      ${isAnothers(ticket, conversation) ? ANOTHERS : ""}`;
    const action = `/console/c/${id}/ticket-link`;
    return html`<li id="ticket-${number}">
      <span>
        <strong>${number}</strong> ${subject} <small>(${status})</small>
        <small>${sayWhose(ticket, conversation)}</small>
      </span>
      ${writer.form({ name: `link-${number}`, action, button: "Link", fields: field, label: `Link ticket ${number}` })}
    </li>`;
  });
  return html`${writer.form(search)}
  ${
    found === null
      ? ""
      : found.length === 0
        ? html`<p class="none">No ticket fits.</p>`
        : html`<ul class="found">
            ${results}
          </ul>`
  }`;
}

function writeNewTicket(page: Page, { id, contact }: ConversationView, writer: FormWriter): Html {
  const action = `/console/c/${id}/ticket`;
  const [name, reach] = [nameOfContact(contact), contact.phone ?? contact.username ?? ""];
  const fields = html`<label for="subject">Subject</label>
    <input id="subject" name="subject" maxlength="200" required value="${writer.given("ticket", "subject")}" />
    <label for="body">What it is about</label>
    <textarea id="body" name="body" rows="2" maxlength="20000">${writer.given("ticket", "body")}</textarea>
    <label for="requester">Requester</label>
    <input id="requester" name="requester" maxlength="100" value="${writer.given("ticket", "requester", name)}" />
    <label for="reach">How to reach them</label>
    <input id="reach" name="reach" maxlength="200" value="${writer.given("ticket", "reach", reach)}" />`;
  return html`<details id="ticket-new" ${page.refused?.form === "ticket" ? "open" : ""}>
    <summary>Make a new one</summary>
    ${writer.form({ name: "ticket", action, button: "Make the ticket", fields, kind: "main" })}
  </details>`;
}

function writeTransfer(page: Page, { conversation, receivers }: ShownConversation, writer: FormWriter): Html {
  const chosen = writer.given("transfer", "to");
  const option = (value: string, label: string) =>
    html`<option id="to-${value}" value="${value}" ${value === chosen ? "selected" : ""}>${label}</option>`;
  const people = (group: ShownGroup) =>
    group.agents
      .filter(({ id }) => id !== conversation.agentId)
      .map((agent) => option(`agent:${agent.id}:${group.id}`, `${agent.name} (${agent.availability})`));
  const isOther = ({ id }: { id: string }) => page.groups.every((group) => group.id !== id);
  const others = receivers.filter(isOther).map(({ id, name }) => option(`group:${id}`, `The queue of ${name}`));
  const force = html`<label class="check">
    <input type="checkbox" name="force" value="yes" /> Even to who is away or full
  </label>`;
  const fields = html`<label for="to">To</label>
    <select id="to" name="to" required>
      <option value="">Choose…</option>
      ${page.groups.map(
        (group) =>
          html`<optgroup label="${group.name}">
            ${option(`group:${group.id}`, `The queue of ${group.name}`)} ${people(group)}
          </optgroup>`,
      )}
      ${others.length === 0 ? "" : html`<optgroup label="Other groups">${others}</optgroup>`}
    </select>
    <label for="reason">Reason</label>
    <input id="reason" name="reason" maxlength="1000" value="${writer.given("transfer", "reason")}" />
    ${conversation.actions.includes("force-transfer") ? force : ""}`;
  const action = `/console/c/${conversation.id}/transfer`;
  return writer.form({ name: "transfer", action, button: "Transfer", fields });
}

const idOf = ({ name, language }: ShownTemplate) => `${name}|${language}`;

/** Writes the form for a template in two steps, so that it works without a script: first which one, then its parameters. */
function writeTemplate(
  page: Page,
  { conversation, templates, unreadTemplates }: ShownConversation,
  writer: FormWriter,
): Html {
  const path = `/console/c/${conversation.id}`;
  if (templates === null) return html`<p><a href="${path}?show=template">Send a template…</a></p>`;
  const kept = html`<input type="hidden" name="show" value="template" />`;
  const { chosen, form } = chooseTemplate(page.query, { templates, unreadTemplates }, { path, kept }, writer);
  const place = { action: `${path}/template`, kept: html``, button: "Send the template" };
  return html`${form} ${chosen === undefined ? "" : writeParameters(place, chosen, writer)}`;
}

/** Writes the form that chooses one, with what the page's address has to keep; and returns which one is chosen. */
export function chooseTemplate(
  query: Form,
  { templates, unreadTemplates }: { templates: readonly ShownTemplate[]; unreadTemplates: string | null },
  { path, kept }: { path: string; kept: Html },
  writer: FormWriter,
): { chosen: ShownTemplate | undefined; form: Html } {
  const unread =
    unreadTemplates === null ? "" : html`<p class="none">Meta's list of templates was ${unreadTemplates}</p>`;
  const none = html`<p class="none">No approved template of this account is known.</p>
    ${unread}`;
  if (templates.length === 0) return { chosen: undefined, form: none };
  const chosen = templates.find((template) => idOf(template) === query["template"]);
  const choice = html`<label for="template">Which</label>
    <select id="template" name="template" required>
      <option value="">Choose…</option>
      ${templates.map(
        (template) =>
          html`<option value="${idOf(template)}" ${template === chosen ? "selected" : ""}>
            ${template.name} (${template.language})
          </option>`,
      )}
    </select>
    ${kept}`;
  const choose = { name: "template", action: path, button: "Fill it in", method: "get" as const, fields: choice };
  return { chosen, form: html`${unread} ${writer.form(choose)}` };
}

/** Writes the form of a template's parameters. */
export function writeParameters(
  { action, kept, button }: { action: string; kept: Html; button: string },
  template: ShownTemplate,
  writer: FormWriter,
): Html {
  const name = `send-${idOf(template)}`;
  const body = template.components.find(({ type }) => type.toUpperCase() === "BODY")?.text;
  const fields = templateFields(template.components).map(
    (field) =>
      html`<label for="field-${field.name}">${field.label}</label>
        <input
          id="field-${field.name}"
          name="${field.name}"
          type="${field.isLink ? "url" : "text"}"
          maxlength="1024"
          required
          value="${writer.given(name, field.name)}"
        />`,
  );
  const force = html`<label class="check">
    <input type="checkbox" name="force" value="yes" /> Even if I am full, where it opens another conversation
  </label>`;
  const hidden = html`<input type="hidden" name="template" value="${idOf(template)}" />${kept}`;
  return html`<blockquote>${body ?? template.name}</blockquote>
    ${writer.form({ name, action, button, kind: "main", fields: html`${hidden}${fields}${force}` })}`;
}
