import { type Customer } from "./customers.ts";
import { type Json, type JsonObject, serialise } from "./json.ts";
import { type UpdateKind } from "./ledger.ts";
import { buildContact } from "./message.ts";
import { between, type Random } from "./random.ts";

/** One business number and the account that it belongs to. All three are strings of digits. */
export interface SimulatedChannel {
  accountId: string;
  phoneNumberId: string;
  displayPhoneNumber: string;
}

/** The most updates in one POST, and the most bytes, by Meta's documentation of webhooks. */
export const UPDATES_PER_POST_MAX = 1_000;
export const POST_BYTES_MAX = 3_000_000;

/**
 * One thing that happened, on its way to the gateway.
 *
 * With `list` the `item` is an element of that array of a value (for field `messages` also a status: both share a value);
 * without, it is the whole value of its change. `id` names it in the ledger.
 */
export interface Update {
  id: string;
  kind: UpdateKind;
  field: string;
  list?: "messages" | "statuses" | "errors" | "calls" | "message_echoes" | "user_preferences";
  item: JsonObject;
  customer?: Customer;
  channel: SimulatedChannel;
  /** Its index in the ledger, where it is noted already. */
  entry?: number;
  /** Seconds since the epoch, which only account fields carry in their entry. */
  entryTime?: number;
}

interface Change {
  field: string;
  channel: SimulatedChannel;
  entryTime: number | undefined;
  value: JsonObject;
  users: Set<string>;
  size: number;
}

/**
 * Writes updates as the text of one POST, in their order, spread over entries, changes and arrays at random, as Meta may:
 * a reader of only the first of each loses some. Throws a `RangeError` beyond Meta's 1,000 updates.
 */
export function wrapDelivery(updates: readonly Update[], random: Random): string {
  if (updates.length > UPDATES_PER_POST_MAX) throw new RangeError(`${updates.length} updates in one POST`);
  const perChange = random() < 0.5 ? UPDATES_PER_POST_MAX : between(random, 1, 20);
  const perEntry = random() < 0.5 ? UPDATES_PER_POST_MAX : between(random, 1, 4);
  const changes: Change[] = [];
  for (const update of updates) {
    const last = changes.at(-1);
    const change = last !== undefined && fits(last, update, perChange) ? last : openChange(changes, update);
    addTo(change, update);
  }
  return serialise({ object: "whatsapp_business_account", entry: toEntries(changes, perEntry) });
}

function fits(change: Change, update: Update, sizeMax: number): boolean {
  return (
    update.list !== undefined &&
    change.field === update.field &&
    change.channel === update.channel &&
    change.size < sizeMax &&
    // Statuses and messages are in one value only rarely; a value with both is a case that readers forget.
    (update.list in change.value || change.size % 2 === 1)
  );
}

function openChange(changes: Change[], update: Update): Change {
  const { phoneNumberId, displayPhoneNumber } = update.channel;
  const value: JsonObject =
    update.list === undefined
      ? update.item
      : {
          messaging_product: "whatsapp",
          metadata: { display_phone_number: displayPhoneNumber, phone_number_id: phoneNumberId },
        };
  const { field, channel, entryTime } = update;
  const change = { field, channel, entryTime, value, users: new Set<string>(), size: 0 };
  changes.push(change);
  return change;
}

function addTo(change: Change, update: Update): void {
  change.size += 1;
  const { list, customer, item, kind } = update;
  if (list === undefined) return;
  // System messages and failed statuses come without contact.
  const hasContact =
    customer !== undefined && item["type"] !== "system" && kind !== "failed" && list !== "message_echoes";
  if (hasContact && !change.users.has(customer.userId)) {
    change.users.add(customer.userId);
    append(change.value, "contacts", buildContact(customer));
  }
  append(change.value, list, item);
}

function append(value: JsonObject, list: string, item: Json): void {
  const items = value[list];
  if (Array.isArray(items)) items.push(item);
  else value[list] = [item];
}

function toEntries(changes: readonly Change[], perEntry: number): Json[] {
  const entries: { id: string; time: number | undefined; changes: Json[] }[] = [];
  for (const { field, channel, entryTime, value } of changes) {
    const last = entries.at(-1);
    const isSame = last?.id === channel.accountId && last.time === entryTime && last.changes.length < perEntry;
    if (last !== undefined && isSame) last.changes.push({ value, field });
    else entries.push({ id: channel.accountId, time: entryTime, changes: [{ value, field }] });
  }
  return entries;
}
