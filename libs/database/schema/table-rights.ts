/** The services with a database. Each connects as a role of its own. */
export const DATABASE_SERVICES = ["router", "session-tracker", "sender", "inbox"] as const;
export type DatabaseService = (typeof DATABASE_SERVICES)[number];

type Rights = Readonly<Partial<Record<DatabaseService, string>>>;

const all = (rights: string): Rights => ({
  router: rights,
  "session-tracker": rights,
  sender: rights,
  inbox: rights,
});

/**
 * What each service's role may do with each table, in Postgres's own letters: `r` select, `a` insert, `w` update (and lock
 * rows, which Postgres allows to nobody else), `d` delete. A test compares it with the statements in each service, another
 * one tries it. Take a right away a release after its last statement: the last release goes on beside this one.
 */
export const TABLE_RIGHTS: Readonly<Record<string, Rights>> = {
  groups: { router: "raw", "session-tracker": "r", inbox: "r" },
  agents: { router: "raw", "session-tracker": "rw", sender: "rw", inbox: "rw" },
  // Triggers on agents and groups end a member's rest.
  group_members: { router: "rawd", "session-tracker": "rw", sender: "rw", inbox: "rw" },
  agent_logins: { router: "rad", inbox: "ra" },
  sign_ins: { inbox: "rawd" },
  programs: { router: "raw", "session-tracker": "r", sender: "r", inbox: "r" },
  program_groups: { router: "rad", "session-tracker": "r", sender: "r", inbox: "r" },
  channels: { router: "raw", "session-tracker": "r", sender: "r", inbox: "r" },
  contacts: { router: "raw", "session-tracker": "raw", sender: "rw", inbox: "r" },
  contact_identities: { router: "raw", "session-tracker": "ra" },
  contact_conflicts: { router: "rad" },
  conversations: { router: "raw", "session-tracker": "raw", sender: "rw", inbox: "rw" },
  word_looks: { router: "raw", "session-tracker": "rwd" },
  assignments: { router: "raw", "session-tracker": "raw", sender: "rw", inbox: "rw" },
  messages: { router: "raw", "session-tracker": "ra", sender: "ra", inbox: "r" },
  observations: { router: "a", sender: "a" },
  events: all("ra"),
  command_answers: all("rawd"),
  event_readers: { inbox: "raw" },
  outbox: all("rawd"),
  relay_state: all("raw"),
  relay_marks: all("rawd"),
  log_readers: { router: "rawd", sender: "rawd" },
  log_positions: { router: "raw", "session-tracker": "r", sender: "raw" },
  dead_letters: { router: "rad", sender: "rad" },
  database_timeline: all("raw"),
  server_run: all("ra"),
  sends: { router: "rw", "session-tracker": "a", sender: "rw", inbox: "r" },
  waiting_statuses: { sender: "rad" },
  templates: { "session-tracker": "r", sender: "rawd" },
  template_lists: { "session-tracker": "r", sender: "raw" },
  rate_limits: { sender: "rawd" },
  circuits: { sender: "rawd" },
  access_tokens: { sender: "rawd" },
  tickets: { inbox: "raw" },
  ticket_actions: { inbox: "raw" },
  ticket_histories: { inbox: "rawd" },
};
