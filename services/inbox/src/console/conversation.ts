import { html } from "hono/html";
import type { ConversationView } from "../lists/conversation-row.ts";
import type { MessageView } from "../lists/message-rows.ts";
import { writeActions } from "./actions.ts";
import type { FormWriter, Html } from "./form.ts";
import type { ShownConversation, Page } from "./read-page.ts";
import { writeTime } from "./time.ts";
import { describeEntry, describeWaiting, nameOfContact, namesIn, sayDuration, sayPhone } from "./words.ts";

const SESSION_MS = 24 * 60 * 60 * 1000;

/** Writes the third area: the open conversation, its messages, and what can be done with it now. */
export function writeConversation(page: Page, opened: ShownConversation, writer: FormWriter): Html {
  const { conversation } = opened;
  return html`<article class="conversation" id="conversation-${conversation.id}">
    <header>
      <a class="back" href="/console">← All conversations</a>
      <h1>${nameOfContact(conversation.contact)}</h1>
      ${writeFacts(page, conversation)}
    </header>
    <div class="said">
      ${writeMessages(opened)} ${conversation.actions.includes("send") ? writeAnswer(conversation, writer) : ""}
    </div>
    <aside aria-label="Actions">${writeWhy(page, opened)} ${writeActions(page, opened, writer)}</aside>
  </article>`;
}

function writeFacts(page: Page, conversation: ConversationView): Html {
  const {
    state,
    agentId,
    groupId,
    channel,
    waitedMs,
    contact,
    continuesConversationId: origin,
    continuedById,
    offeredUntil,
  } = conversation;
  const names = namesIn(page.groups, page.me.agentId);
  const who = agentId === null ? "with nobody" : `with ${names.agent(agentId)}`;
  const waits = waitedMs === null ? "" : `, waits for ${sayDuration(waitedMs)}`;
  const phone = contact.phone === null || contact.name === null ? "" : ` · ${sayPhone(contact.phone)}`;
  return html`<p class="facts">
    <span class="state ${state}">${state}</span>
    <span>${who}${waits} · ${names.group(groupId)} · ${channel.name}${phone}</span>
    ${origin === null ? "" : html`<a href="/console/c/${origin}">continues an expired one</a>`}
    ${continuedById === null ? "" : html`<a href="/console/c/${continuedById}">goes on in another one</a>`}
    ${contact.blockedAt === null ? "" : html`<strong class="error">blocked since ${writeTime(contact.blockedAt)}</strong>`}
    ${offeredUntil === null ? "" : html`<strong class="proposed">offered until ${writeTime(offeredUntil)}</strong>`}
    ${writeSession(conversation)}
  </p>`;
}

function writeSession({ state, sessionLeftMs }: ConversationView): Html | "" {
  if (state !== "active" && state !== "queued") return "";
  if (sessionLeftMs === null || sessionLeftMs === 0)
    return html`<span class="session">No open session: only a template reaches the customer.</span>`;
  const left = sayDuration(sessionLeftMs);
  return html`<span class="session">
    <meter
      min="0"
      max="${SESSION_MS}"
      low="${SESSION_MS / 6}"
      value="${sessionLeftMs}"
      aria-label="Session left"
    ></meter>
    Session ends in ${left}
  </span>`;
}

function writeMessages({ conversation, messages, hasOlder }: ShownConversation): Html {
  const shown = messages.filter(({ kind }) => kind !== "read");
  return html`<div class="messages" role="log" aria-label="Messages" tabindex="0">
    ${hasOlder ? html`<p><a href="/console/c/${conversation.id}?messages=all">Older messages</a></p>` : ""}
    ${shown.length === 0 ? html`<p class="none">Nothing was said in this conversation yet.</p>` : ""}
    ${shown.map(writeMessage)}
  </div>`;
}

const SEND_WORDS: { [S in NonNullable<MessageView["send"]>["state"]]?: string } = {
  waiting: "waits to be sent",
  sending: "is being sent",
  held: "held by Meta, which looks at its quality first: it may still be sent, or not",
};

function writeMessage(message: MessageView): Html {
  const { id, direction, kind, text, sentAt, send } = message;
  const us = send !== null && send.automatic !== null ? "Us, automatically" : "Us";
  const who = kind === "payment" ? "Meta" : direction === "in" ? "Customer" : us;
  const error = send?.error as { message?: unknown } | null | undefined;
  const state = send === null ? "" : ` · ${SEND_WORDS[send.state] ?? send.state}`;
  return html`<div class="message ${direction}" id="message-${id}">
    <p><span class="who">${who}: </span>${text}</p>
    <small>${writeTime(sentAt)}${state}</small> ${writeChanges(message)}
    ${typeof error?.message === "string" ? html`<small class="error">${error.message}</small>` : ""}
  </div>`;
}

function writeChanges({ editedAt, originalText, deletedAt }: MessageView): Html {
  const edited = editedAt === null ? "" : html`<small>Edited ${writeTime(editedAt)}. At first: ${originalText}</small>`;
  const deleted = deletedAt === null ? "" : html`<small>Deleted by the customer ${writeTime(deletedAt)}</small>`;
  return html`${edited} ${deleted}`;
}

function writeAnswer({ id }: ConversationView, writer: FormWriter): Html {
  const fields = html`<label for="answer">Answer</label>
    <textarea id="answer" name="text" rows="3" maxlength="4096" required data-send>
${writer.given("messages", "text")}</textarea>`;
  return html`<div class="answer">
    ${writer.form({ name: "messages", action: `/console/c/${id}/messages`, button: "Send", fields, kind: "main" })}
  </div>`;
}

/** Writes the timeline in words: why this agent, and why it still waits. */
function writeWhy(page: Page, { conversation, history, whyWaiting }: ShownConversation): Html {
  const names = namesIn(page.groups, page.me.agentId);
  const path = `/console/c/${conversation.id}`;
  const why = whyWaiting === null ? "" : html`<p id="waiting">${describeWaiting(whyWaiting, names)}</p>`;
  if (history === null) {
    return html`${why}
      <p><a href="${path}?show=history">What happened, and why</a></p>`;
  }
  return html`${why}
    <section id="history">
      <h2>What happened</h2>
      <ol tabindex="0" aria-label="What happened, oldest first">
        ${history.map((entry) => {
          const said = describeEntry(entry, names);
          return said === null ? "" : html`<li id="entry-${entry.id}">${writeTime(entry.occurredAt)} ${said}</li>`;
        })}
      </ol>
      <p><a href="${path}">Hide</a></p>
    </section>`;
}
