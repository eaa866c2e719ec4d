import { identityKey, identityKeysOf, type Channel, type Identities, type KnownState } from "@turno/conversation";
import { asJson, type Transaction } from "@turno/database";
import { lookUpPeople, type WantedIdentity } from "./look-up-people.ts";

export interface Lookup {
  key: string;
  phoneNumberId: string;
  identities: Identities[];
}

export interface LookedUp {
  now: Date;
  /** Dedupe keys that took effect, or were set aside, before. */
  knownKeys: Set<string>;
  channels: Map<string, Channel>;
  known: KnownState;
}

/** Reads all that a batch of updates needs, in one round trip, and locks the open conversations it may change. */
export async function lookUpKnownState(tx: Transaction, lookups: readonly Lookup[]): Promise<LookedUp> {
  const [[facts], known] = await Promise.all([readFacts(tx, lookups), lookUpPeople(tx, uniqueIdentities(lookups))]);
  if (facts === undefined) throw new Error("the look-up of what is known returned no row");
  const { now, knownKeys, channels } = facts;
  return {
    now,
    knownKeys: new Set(knownKeys),
    channels: new Map(channels.map((channel) => [channel.phoneNumberId, channel])),
    known,
  };
}

/** The instant, the channels, and the keys that are known, as one row: a statement each would cost more than its work. */
function readFacts(tx: Transaction, lookups: readonly Lookup[]) {
  const keys = asJson(lookups.map(({ key }) => ({ key })));
  const phoneNumbers = [...new Set(lookups.map(({ phoneNumberId }) => phoneNumberId))].map((value) => ({ value }));
  return tx<{ now: Date; knownKeys: string[]; channels: Channel[] }[]>`
    select turno_now() as now,
      array(
        select message.key from json_to_recordset(${keys}::text::json) as wanted(key text) join messages as message using (key)
        union all
        select letter.key from json_to_recordset(${keys}::text::json) as wanted(key text) join dead_letters as letter using (key)
      ) as "knownKeys",
      coalesce((
        select json_agg(json_build_object('id', id, 'phoneNumberId', phone_number_id, 'groupId', group_id))
        from channels join json_to_recordset(${asJson(phoneNumbers)}::text::json) as wanted(value text)
          on channels.phone_number_id = wanted.value
      ), '[]') as channels`;
}

function uniqueIdentities(lookups: readonly Lookup[]): WantedIdentity[] {
  const unique = new Map<string, WantedIdentity>();
  for (const { phoneNumberId, identities } of lookups) {
    for (const { kind, value } of identities.flatMap(identityKeysOf)) {
      const key = `${phoneNumberId} ${identityKey(kind, value)}`;
      if (!unique.has(key)) unique.set(key, { ordinal: unique.size, kind, value, phoneNumberId });
    }
  }
  return [...unique.values()];
}
