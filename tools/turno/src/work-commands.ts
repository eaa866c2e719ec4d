import type { CommandRequest } from "@turno/contracts";
import { ask, UsageFailure } from "./request.ts";
import { renderTable } from "./table.ts";
import { claimant, word, type Call, type Command, type CliOutcome } from "./call.ts";

async function sendText(call: Call): Promise<CliOutcome> {
  const conversationId = word(call, 0, "the conversation");
  const body = call.words.slice(1).join(" ");
  if (body === "") throw new UsageFailure("the text is missing");
  const { connection, actor } = call;
  const message = { type: "text", body } as const;
  const answer = await ask(connection, "send", { actor, agentId: claimant(call), conversationId, message });
  return { answer, text: `on its way; the customer's 24 hours end at ${answer.sessionEndsAt}` };
}

/** Sends a template. The words that follow fill its body's placeholders, in order or by name (`name=Ana`). */
async function sendTemplate(call: Call): Promise<CliOutcome> {
  const conversationId = word(call, 0, "the conversation");
  const name = word(call, 1, "the template");
  const language = word(call, 2, "its language");
  const message = { type: "template", name, language, components: toComponents(call.words.slice(3)) } as const;
  const { connection, actor } = call;
  const answer = await ask(connection, "send", { actor, agentId: claimant(call), conversationId, message });
  const where = answer.conversationId === conversationId ? "" : `; it opened ${answer.conversationId}`;
  return { answer, text: `on its way${where}` };
}

function toComponents(words: readonly string[]) {
  const parameters = words.map((given) => {
    const named = /^(\w+)=(.*)$/s.exec(given);
    const text = named?.[2] ?? given;
    return { type: "text", text, ...(named === null ? {} : { parameter_name: named[1] }) };
  });
  return parameters.length === 0 ? [] : [{ type: "body" as const, parameters }];
}

const CONTACT_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Writes to a customer first, whom a contact's id, a user id or a phone number names. */
async function writeFirst(call: Call): Promise<CliOutcome> {
  const channelId = word(call, 0, "the channel's id");
  const named = word(call, 1, "the customer: a contact's id, a user id or a phone number");
  const [name, language] = [word(call, 2, "the template"), word(call, 3, "its language")];
  const isUserId = /^[A-Z]{2}\./.test(named);
  const to = CONTACT_ID.test(named) ? { contactId: named } : isUserId ? { userId: named } : { phone: named };
  const message = { type: "template", name, language, components: toComponents(call.words.slice(4)) } as const;
  const { connection, actor, options } = call;
  const ways = { agentId: claimant(call), force: options.force ?? false };
  const answer = await ask(connection, "start-conversation", { actor, channelId, to, message, ...ways });
  const continued =
    answer.continuesConversationId === null ? "" : `; it continues ${answer.continuesConversationId}, which is expired`;
  return { answer, text: `on its way in ${answer.conversationId}${continued}` };
}

async function setTicket(call: Call): Promise<CliOutcome> {
  const { connection, actor, words } = call;
  const conversationId = word(call, 0, "the conversation");
  const what = words.slice(1).join(" ");
  if (what === "") throw new UsageFailure("say a ticket's number, confirm, reject, or a new ticket's subject");
  const answer =
    what === "confirm" || what === "reject"
      ? await ask(connection, `${what}-ticket-link`, { actor, conversationId })
      : /^\d+$/.test(what)
        ? await ask(connection, "link-ticket", { actor, conversationId, ticket: { number: Number(what) } })
        : await ask(connection, "create-ticket", { actor, conversationId, subject: what });
  const link = answer.ticketLink === null ? "has no ticket" : `ticket ${answer.ticketNumber}, ${answer.ticketLink}`;
  return { answer, text: `${conversationId}: ${link}` };
}

async function end(call: Call, verb: "close" | "finalise"): Promise<CliOutcome> {
  const { connection, actor } = call;
  const answer = await ask(connection, verb, { actor, conversationId: word(call, 0, "the conversation") });
  return { answer, text: `${answer.conversationId} is ${answer.how}, ticket ${answer.ticketNumber ?? "none"}` };
}

async function closeSpam(call: Call): Promise<CliOutcome> {
  const { connection, actor } = call;
  const answer = await ask(connection, "close-as-spam", { actor, conversationId: word(call, 0, "the conversation") });
  return { answer, text: `${answer.conversationId} is ${answer.how} as spam` };
}

type Scope = CommandRequest<"reset-circuit">["scope"];

async function handleCircuits(call: Call): Promise<CliOutcome> {
  const { connection, actor, words } = call;
  if (words[0] === "reset") {
    const scope = word(call, 1, "the scope (token, account, templates, number)") as Scope;
    const answer = await ask(connection, "reset-circuit", { actor, scope, key: word(call, 2, "the key") });
    return { answer, text: `sending goes on for ${answer.scope} ${answer.key}` };
  }
  const answer = await ask(connection, "list-circuits", { actor });
  const rows = answer.circuits.map(({ scope, key, code, reason, openedAt, nextTryAt }) => [
    scope,
    key,
    String(code),
    reason,
    openedAt,
    nextTryAt,
  ]);
  const text =
    rows.length === 0 ? "sending is on" : renderTable(["scope", "key", "code", "reason", "since", "next try"], rows);
  return { answer, text };
}

async function accept(call: Call): Promise<CliOutcome> {
  const conversationId = word(call, 0, "the conversation");
  const { connection, actor, directory } = call;
  const answer = await ask(connection, "accept", { actor, agentId: claimant(call), conversationId });
  return { answer, text: `${conversationId} is ${directory.agentName(answer.agentId)}'s since ${answer.acceptedAt}` };
}

async function decline(call: Call): Promise<CliOutcome> {
  const conversationId = word(call, 0, "the conversation");
  const { connection, actor, options } = call;
  const reason = options.reason === undefined ? {} : { reason: options.reason };
  const answer = await ask(connection, "decline", { actor, agentId: claimant(call), conversationId, ...reason });
  return { answer, text: `${conversationId} is offered to somebody else` };
}

async function handleContacts(call: Call): Promise<CliOutcome> {
  const { connection, actor, words } = call;
  if (words[0] === "join") {
    const [contactId, otherId] = [word(call, 1, "a contact's id"), word(call, 2, "the other contact's id")];
    const answer = await ask(connection, "join-contacts", { actor, contactId, otherId });
    return { answer, text: `they are one: ${answer.contactId}` };
  }
  if (words[0] === "block") {
    const contactId = word(call, 1, "the contact's id");
    const reason = words.slice(2).join(" ");
    if (reason === "") throw new UsageFailure("say why the contact is blocked");
    const answer = await ask(connection, "block-contact", { actor, contactId, reason });
    return { answer, text: `${answer.contactId} is blocked; closed as spam: ${answer.closedConversationIds.length}` };
  }
  if (words[0] === "unblock") {
    const answer = await ask(connection, "unblock-contact", { actor, contactId: word(call, 1, "the contact's id") });
    return { answer, text: `${answer.contactId} is not blocked any more` };
  }
  if (words[0] !== undefined)
    throw new UsageFailure(`contacts lists conflicts, or knows join, block and unblock, not "${words[0]}"`);
  const answer = await ask(connection, "list-contact-conflicts", { actor });
  const rows = answer.conflicts.flatMap(({ contact, other, noticedAt }) =>
    [contact, other].map(({ id, name, phone, userId }) => [noticedAt, id, name ?? "", phone ?? "", userId ?? ""]),
  );
  const headings = ["noticed", "contact", "name", "phone", "user id"];
  return { answer, text: rows.length === 0 ? "no conflicts" : renderTable(headings, rows) };
}

/** Commands for what an agent does with a conversation, and an operator with contacts and sending. */
export const WORK_COMMANDS: Record<string, Command> = {
  accept: { usage: "accept <conversation> --as <agent>", summary: "take what is offered", run: accept },
  decline: {
    usage: "decline <conversation> --as <agent> [--reason <text>]",
    summary: "leave what is offered to somebody else",
    run: decline,
  },
  contacts: {
    usage: "contacts [join <contact> <contact> | block <contact> <why> | unblock <contact>]",
    summary: "contacts that may be one person; make two of them one; block one that only disturbs",
    run: handleContacts,
  },
  send: { usage: "send <conversation> <text> --as <agent>", summary: "answer the customer", run: sendText },
  template: {
    usage: "template <conversation> <name> <language> [<placeholder>=<text> …] --as <agent>",
    summary: "send a template; on an expired conversation it opens a new one",
    run: sendTemplate,
  },
  "start-conversation": {
    usage:
      "start-conversation <channel> <contact> | <user id> | <phone> <template> <language> [<placeholder>=<text> …] --as <agent> [--force]",
    summary: "write to a customer first, by a template",
    run: writeFirst,
  },
  ticket: {
    usage: "ticket <conversation> <number> | confirm | reject | <subject of a new one>",
    summary: "link a conversation to its ticket",
    run: setTicket,
  },
  close: { usage: "close <conversation>", summary: "end an active conversation", run: (call) => end(call, "close") },
  spam: { usage: "spam <conversation>", summary: "end a conversation as spam, without a ticket", run: closeSpam },
  finalise: {
    usage: "finalise <conversation>",
    summary: "end an expired conversation",
    run: (call) => end(call, "finalise"),
  },
  circuits: {
    usage: "circuits [reset <scope> <key>]",
    summary: "where sending is stopped, and why",
    run: handleCircuits,
  },
};
