import type { Scope } from "@turno/conversation";
import { html } from "hono/html";
import type { ConversationView } from "../lists/conversation-row.ts";
import { FIRST_PATH } from "./first-path.ts";
import type { FormWriter, Html } from "./form.ts";
import type { ShownGroup, Page, ShownWaiting } from "./read-page.ts";
import { nameOfContact, namesIn, sayDuration, sayOutsideHours } from "./words.ts";

const isWithin = (scope: Scope, { id }: ShownGroup) => scope === "all" || (scope !== "none" && scope.includes(id));

/**
 * Writes the first two areas: own conversations (for an operator those of others too), and the queues of own groups.
 */
export function writeLists(page: Page, writer: FormWriter): Html {
  const { agentId } = page.me;
  const own = page.active.filter((one) => one.agentId === agentId);
  const others = page.active.filter((one) => one.agentId !== agentId);
  const withAgent = page.expired.filter((one) => one.agentId !== null);
  // Nobody answered these: who has waited longest comes first.
  const waiting = page.expired
    .filter((one) => one.agentId === null)
    .toSorted((left, right) => left.openedAt.localeCompare(right.openedAt));
  return html`<nav class="lists" aria-label="Conversations">
    ${page.me.scopes["start-conversation"] === "none" ? "" : html`<p><a id="write-first" href="${FIRST_PATH}">Write to a customer…</a></p>`}
    <section id="own">
      <h2>Mine <span class="count">${own.length}</span></h2>
      ${writeList(page, own, "You have no conversation.")}
    </section>
    ${writeExpired(page, "expired", "Expired", withAgent)}
    ${writeExpired(page, "expired-waiting", "Expired in the queue", waiting)}
    ${page.groups.map((group) => writeQueue(page, group, writer))}
    ${
      page.me.scopes.read === "none"
        ? ""
        : html`<section id="others">
            <h2>With others <span class="count">${others.length}</span></h2>
            ${writeList(page, others, "Nobody has one.")}
          </section>`
    }
    ${page.groups.map((group) => writePeople(page, group, writer))}
  </nav>`;
}

function writeExpired(page: Page, id: string, title: string, conversations: readonly ConversationView[]): Html | "" {
  if (conversations.length === 0) return "";
  return html`<section id="${id}">
    <h2>${title} <span class="count">${conversations.length}</span></h2>
    ${writeList(page, conversations, "")}
  </section>`;
}

function writeList(page: Page, conversations: readonly ConversationView[], none: string): Html {
  if (conversations.length === 0) return html`<p class="none">${none}</p>`;
  return html`<ul>
    ${conversations.map((one) => writeItem(page, one))}
  </ul>`;
}

function writeItem(page: Page, one: ConversationView): Html {
  const isOpen = page.opened?.conversation.id === one.id;
  const names = namesIn(page.groups, page.me.agentId);
  const notes = [
    one.agentId === page.me.agentId ? null : one.agentId === null ? "nobody's" : names.agent(one.agentId),
    one.ticket === null ? null : `ticket ${one.ticket.number}${one.ticket.link === "proposed" ? "?" : ""}`,
    one.unansweredMs === null ? null : `unanswered for ${sayDuration(one.unansweredMs)}`,
    one.state !== "active" ? null : (saySession(one) ?? "no session"),
  ];
  return html`<li id="item-${one.id}">
    <a href="/console/c/${one.id}" ${isOpen ? html`aria-current="page"` : ""}>
      <strong>${nameOfContact(one.contact)}</strong>
      <small>${notes.filter((note) => note !== null).join(" · ")}</small>
    </a>
  </li>`;
}

const saySession = ({ sessionLeftMs }: ConversationView) =>
  sessionLeftMs === null || sessionLeftMs === 0 ? null : `${sayDuration(sessionLeftMs)} left`;

function writeQueue(page: Page, group: ShownGroup, writer: FormWriter): Html {
  const waiting = page.queues.get(group.id) ?? [];
  const outside = page.outsideHours.get(group.id);
  const canClaim = isWithin(page.me.scopes.claim, group);
  const field = html`<input type="hidden" name="groupId" value="${group.id}" />`;
  const next = { name: `claim-next-${group.id}`, action: "/console/claim-next", button: "Take the next one" };
  return html`<section id="queue-${group.id}" class="queue">
    <h2>Queue of ${group.name} <span class="count">${group.waiting}</span></h2>
    ${outside === undefined ? "" : html`<p>Given to nobody: ${sayOutsideHours(outside)}.</p>`}
    ${
      waiting.length === 0
        ? html`<p class="none">Nobody waits.</p>`
        : html`<ol>
            ${waiting.map((one) => writeWaiting(page, one, canClaim, writer))}
          </ol>`
    }
    ${group.waiting > waiting.length ? html`<p class="none">and ${group.waiting - waiting.length} more</p>` : ""}
    ${group.waiting > 0 && canClaim ? writer.form({ ...next, fields: field, kind: "main", label: `Take the next one of ${group.name}` }) : ""}
  </section>`;
}

function writeWaiting(page: Page, one: ShownWaiting, canClaim: boolean, writer: FormWriter): Html {
  const { conversationId: id, contactName, position, waitedMs, isHeldBack } = one;
  const isOpen = page.opened?.conversation.id === id;
  const name = contactName ?? "Customer without a name";
  const claim = { name: `claim-${id}`, action: `/console/c/${id}/claim`, button: "Claim", label: `Claim ${name}` };
  return html`<li id="waiting-${id}">
    <a href="/console/c/${id}" ${isOpen ? html`aria-current="page"` : ""}>
      <strong>${position}. ${name}</strong>
      <small>waits for ${sayDuration(waitedMs)}${isHeldBack ? " · nobody answered: claim it" : ""}</small>
    </a>
    ${canClaim ? writer.form(claim) : ""}
  </li>`;
}

/** Writes who is there. An operator can make them away or available. */
function writePeople(page: Page, group: ShownGroup, writer: FormWriter): Html {
  const canSet = isWithin(page.me.scopes["set-availability"], group);
  return html`<details id="people-${group.id}">
    <summary>People of ${group.name}</summary>
    <ul>
      ${group.agents.map((agent) => {
        const isThere = agent.availability === "available";
        const name = `availability-${group.id}-${agent.id}`;
        const fields = html`<input type="hidden" name="agentId" value="${agent.id}" />
          <input type="hidden" name="availability" value="${isThere ? "away" : "available"}" />`;
        const button = isThere ? "Set away" : "Set available";
        const action = "/console/availability";
        return html`<li id="person-${group.id}-${agent.id}" class="person">
          <span>
            <strong>${agent.name}</strong>
            <small
              >${agent.availability}, has
              ${agent.active}${agent.capacity === null ? "" : ` of ${agent.capacity}`}</small
            >
          </span>
          ${canSet ? writer.form({ name, action, button, fields, label: `${button}: ${agent.name}` }) : ""}
        </li>`;
      })}
    </ul>
  </details>`;
}
