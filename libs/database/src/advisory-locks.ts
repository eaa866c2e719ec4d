/** Every advisory lock with a number, in one place, so that no two are the same. */
export const ADVISORY_LOCKS = {
  migration: 7_286_101,
  relay: 7_286_102,
  /** One session tracker sweeps at a time. */
  sweep: 7_286_103,
  /** The first of two keys; the second is the hash of Meta's id of a message. */
  wamid: 7_286_104,
  /** The first of two keys; the second is the hash of whose key it is, for what, and the key. */
  callerKey: 7_286_105,
} as const;
