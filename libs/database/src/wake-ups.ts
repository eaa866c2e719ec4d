// Each wakes somebody earlier than the next poll would. Nothing is lost where one does not arrive. Postgres calls the names
// channels of NOTIFY.

/** Wakes the relay: events wait in the outbox. */
export const OUTBOX_WAKE_UP = "turno_outbox";
/** Wakes the routers: a group may have something to give out, because a place is free or a conversation is queued again. */
export const GROUPS_WAKE_UP = "turno_groups";
/** Wakes the senders: an account may be new, and its list of templates unread. */
export const TEMPLATES_WAKE_UP = "turno_templates";
/** Wakes the senders: something waits to be sent. */
export const SENDS_WAKE_UP = "turno_sends";
