/** The settings of each session of ours. The driver leaves out what is falsy: `off` and not `false`. */
export const SESSION_SETTINGS = {
  plan_cache_mode: "force_generic_plan",
  jit: "off",
  // Our statements read few rows by key. A plan is kept for long, and one that reads a table whole because it was
  // small in the morning is a bad one in the evening; the default cost of a page is made for spinning disks.
  random_page_cost: 1.1,
  enable_seqscan: "off",
  idle_in_transaction_session_timeout: 10_000,
  // The server's side of a connection whose client is gone without a word: what it holds is free soon.
  tcp_keepalives_idle: 5,
  tcp_keepalives_interval: 2,
  tcp_keepalives_count: 3,
  tcp_user_timeout: 10_000,
};
