// Channels of NOTIFY. Each wakes somebody earlier than the next poll would; none of them carries what would else be lost.

/** The relay hears that events wait in the outbox. */
export const OUTBOX_CHANNEL = "turno_outbox";
/** Routers hear that a group may have a free place. */
export const GROUPS_CHANNEL = "turno_groups";
/** Senders hear that something waits to be sent. */
export const SENDS_CHANNEL = "turno_sends";
