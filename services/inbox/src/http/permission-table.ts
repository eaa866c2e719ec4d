/** How somebody stands to a conversation: has it, is of its group, an operator of its group, an admin. */
export type Standing = "owner" | "member" | "operator" | "admin";

export const STATES = ["queued", "active", "expired", "closed"] as const;
export type State = (typeof STATES)[number];

interface Cell {
  /** Who is not told that it is not permitted; nobody else may even try. */
  by: readonly Standing[];
  /** What those are told where the state does not allow it; null where it is done. */
  code: string | null;
}

const insiders: readonly Standing[] = ["owner", "member", "operator", "admin"];
const group: readonly Standing[] = ["member", "operator", "admin"];
const worker: readonly Standing[] = ["owner", "operator", "admin"];
const leader: readonly Standing[] = ["operator", "admin"];

const may = (by: readonly Standing[]): Cell => ({ by, code: null });
const not = (code: string, by: readonly Standing[]): Cell => ({ by, code });
const row = (queued: Cell, active: Cell, expired: Cell, closed: Cell): Record<State, Cell> => ({
  queued,
  active,
  expired,
  closed,
});

const reading = row(may(group), may(worker), may(worker), may(worker));
const linking = row(may(leader), may(worker), may(worker), not("conversation-closed", worker));

/**
 * Who may do what with a conversation in which state. What is not said is denied. A test asks the running services cell by
 * cell, and the reference page shows it.
 */
export const PERMISSION_TABLE: Record<string, Record<State, Cell>> = {
  "read it": reading,
  "read its messages": reading,
  "read its timeline": reading,
  "see why this agent": row(may(group), may(insiders), may(insiders), may(insiders)),
  "see why it waits": row(
    may(group),
    not("conversation-not-open", insiders),
    not("conversation-not-open", insiders),
    not("conversation-not-open", insiders),
  ),
  "claim it": row(
    may(["member", "operator"]),
    not("conversation-taken", ["member", "operator"]),
    not("conversation-not-open", ["member", "operator"]),
    not("conversation-not-open", ["member", "operator"]),
  ),
  "transfer it": row(
    may(group),
    may(worker),
    not("conversation-not-open", worker),
    not("conversation-not-open", worker),
  ),
  "force a transfer": row(
    may(leader),
    may(leader),
    not("conversation-not-open", leader),
    not("conversation-not-open", leader),
  ),
  "send a message": row(may(leader), may(worker), not("session-over", worker), not("conversation-not-open", worker)),
  "propose a ticket link": linking,
  "confirm a ticket link": linking,
  "reject a ticket link": linking,
  "link a ticket": linking,
  "make a ticket": linking,
  "close it": row(
    not("conversation-waits", leader),
    may(worker),
    not("conversation-expired", worker),
    not("conversation-closed", worker),
  ),
  "finalise it": row(
    not("conversation-waits", leader),
    not("conversation-not-open", worker),
    may(worker),
    not("conversation-closed", worker),
  ),
};

/** What somebody with these standings gets: done (null), a code, or that it is not permitted. */
export function expectedOutcome(verb: string, state: State, standings: readonly Standing[]): string | null {
  const cell = PERMISSION_TABLE[verb]?.[state];
  const isTold = cell?.by.some((standing) => standings.includes(standing));
  if (cell === undefined || isTold !== true) return "not-permitted";
  return cell.code;
}
