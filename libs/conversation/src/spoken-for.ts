/** Whose an update is, by what it says itself: Meta's ids, null where it does not say. */
export interface SpokenFor {
  accountId: string | null;
  phoneNumberId: string | null;
}

/**
 * Returns whether a line speaks of another number or business account than the one that it would take effect on: who may
 * sign for one account could name another's number. A channel whose account is not configured is not compared by it.
 */
export function isAnothers(said: SpokenFor, owner: { accountId: string | null; phoneNumberId: string }): boolean {
  if (said.phoneNumberId !== owner.phoneNumberId) return true;
  return owner.accountId !== null && said.accountId !== owner.accountId;
}
