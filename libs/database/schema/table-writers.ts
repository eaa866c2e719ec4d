/** Who holds statements that write: a service, the relay, or what several of them stand on. */
export type TableWriter = "database" | "inbox" | "relay" | "router" | "sender" | "session-tracker" | "stateful-service";

/**
 * Which package writes which table, and what of it. A test reads the SQL in the sources and holds them to it; another one
 * compares it with ARCHITECTURE.md. `server_run` is written by the database's own functions only.
 */
export const TABLE_WRITERS: Readonly<Record<string, Partial<Record<TableWriter, string>>>> = {
  groups: { router: "configuration, turns" },
  agents: {
    database: "places taken and freed",
    router: "configuration, availability, presence",
  },
  group_members: { router: "configuration, turns, rest" },
  agent_logins: { router: "configuration", inbox: "the first sign-in by a verified address" },
  sign_ins: { inbox: "all" },
  programs: { router: "configuration" },
  program_groups: { router: "configuration" },
  channels: { router: "configuration" },
  contacts: {
    router: "all",
    "session-tracker": "one that is written to first",
    sender: "a stop of marketing messages that Meta's refusal tells",
  },
  contact_identities: { router: "all", "session-tracker": "of one that is written to first" },
  contact_conflicts: { router: "all" },
  conversations: {
    database: "to active, with an agent",
    router: "opening, a session's renewal, transfer, requeue, overflow, ending as spam",
    "session-tracker":
      "expiry, warnings, reopening, writing first, the sequence of what is to be sent, what was said automatically",
    sender: "a session's closing by Meta, failure",
    inbox: "closing, ticket link",
  },
  word_looks: { router: "what may have to be said", "session-tracker": "when to look again, what is done" },
  assignments: { database: "all" },
  messages: { router: "what came in", "session-tracker": "what is to be sent", sender: "notes of payments" },
  observations: { "stateful-service": "all" },
  events: { database: "all" },
  command_answers: { database: "all" },
  event_readers: { database: "all" },
  outbox: { database: "what waits", relay: "what was published, refills" },
  relay_state: { relay: "all" },
  relay_marks: { relay: "all" },
  log_readers: { database: "all" },
  log_positions: { database: "all" },
  dead_letters: { "stateful-service": "all" },
  database_timeline: { database: "its beginning", sender: "the end of the pause of sending" },
  server_run: {},
  sends: {
    "session-tracker": "what passed the gate",
    sender: "everything after",
    router: "whose it is, where two contacts are joined",
  },
  waiting_statuses: { sender: "all" },
  templates: { sender: "all" },
  template_lists: { sender: "all" },
  rate_limits: { sender: "all" },
  circuits: { sender: "all" },
  access_tokens: { sender: "all" },
  tickets: { inbox: "all" },
  ticket_actions: { inbox: "all" },
  ticket_histories: { inbox: "all" },
};
