import { identityKey, identityKeysOf, type Channel, type Inbound, type KnownState } from "@turno/conversation";
import { asJson, type Transaction } from "@turno/database";
import { lookUpPeople, type WantedIdentity } from "./look-up-people.ts";

export interface LookedUp {
  now: Date;
  /** Whether any group says something on its own. */
  hasWords: boolean;
  /** Dedupe keys that took effect, or were set aside, before. */
  knownKeys: Set<string>;
  known: KnownState;
}

/** Reads all that a batch of updates needs, in one round trip, and locks the open conversations it may change. */
export async function lookUpKnownState(tx: Transaction, updates: readonly Inbound[]): Promise<LookedUp> {
  const [[facts], people] = await Promise.all([readFacts(tx, updates), lookUpPeople(tx, uniqueIdentities(updates))]);
  if (facts === undefined) throw new Error("the look-up of what is known returned no row");
  const { now, hasWords, knownKeys, channels } = facts;
  return {
    now,
    hasWords,
    knownKeys: new Set(knownKeys),
    known: { ...people, channels: new Map(channels.map((channel) => [channel.phoneNumberId, channel])) },
  };
}

/** The instant, the channels, and the keys that are known, as one row: a statement each would cost more than its work. */
function readFacts(tx: Transaction, updates: readonly Inbound[]) {
  const keys = asJson(updates.map(({ key }) => ({ key })));
  const phoneNumbers = [...new Set(updates.map(({ phoneNumberId }) => phoneNumberId))].map((value) => ({ value }));
  return tx<{ now: Date; hasWords: boolean; knownKeys: string[]; channels: Channel[] }[]>`
    select turno_now() as now, exists(select from groups where automatic_words is not null) as "hasWords",
      array(
        select message.key from json_to_recordset(${keys}::text::json) as wanted(key text) join messages as message using (key)
        union all
        select letter.key from json_to_recordset(${keys}::text::json) as wanted(key text) join dead_letters as letter using (key)
      ) as "knownKeys",
      coalesce((
        select json_agg(json_build_object('id', id, 'phoneNumberId', phone_number_id,
          'accountId', account_id, 'groupId', group_id))
        from channels join json_to_recordset(${asJson(phoneNumbers)}::text::json) as wanted(value text)
          on channels.phone_number_id = wanted.value
      ), '[]') as channels`;
}

function uniqueIdentities(updates: readonly Inbound[]): WantedIdentity[] {
  const unique = new Map<string, WantedIdentity>();
  const want = (identities: Inbound["identities"], phoneNumberId: string) => {
    for (const { kind, value } of identityKeysOf(identities)) {
      const key = `${phoneNumberId} ${identityKey(kind, value)}`;
      if (!unique.has(key)) unique.set(key, { ordinal: unique.size, kind, value, phoneNumberId });
    }
  };
  for (const update of updates) {
    want(update.identities, update.phoneNumberId);
    if (update.kind === "identity-change") want(update.previous, update.phoneNumberId);
    if (update.kind === "interaction" && update.sharedPhone !== undefined) {
      want({ userId: null, parentUserId: null, ...update.sharedPhone }, update.phoneNumberId);
    }
  }
  return [...unique.values()];
}
