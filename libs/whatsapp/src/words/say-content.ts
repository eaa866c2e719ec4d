import { valueAt, join, label, listAt, textAt } from "./fields.ts";

/** A file by its name, its caption, and where it is to be had without Meta; null where nothing but its kind is known. */
export function sayMedia(kind: string, media: unknown): string | null {
  if (valueAt(media, "id") === undefined && valueAt(media, "link") === undefined) return null;
  const what = kind === "audio" && valueAt(media, "voice") === true ? "voice message" : kind;
  const named = join([textAt(media, "filename"), textAt(media, "link")], ", ");
  return label(what, join([named, textAt(media, "caption")], ": "));
}

export function sayLocation(location: unknown): string | null {
  const name = join([textAt(location, "name"), textAt(location, "address")], ", ");
  const [latitude, longitude] = [textAt(location, "latitude"), textAt(location, "longitude")];
  const place = latitude === null || longitude === null ? null : `${latitude}, ${longitude}`;
  const where = name === null || place === null ? (name ?? place) : `${name} (${place})`;
  return join([where, textAt(location, "url")], " ");
}

/** One line a contact card: the name, then how to reach the person. */
export function sayContacts(cards: unknown): string | null {
  const lines = listAt(cards).map((card) => {
    const name = textAt(card, "name", "formatted_name") ?? textAt(card, "name", "first_name");
    const numbers = listAt(card, "phones").map((one) => textAt(one, "phone") ?? textAt(one, "wa_id"));
    const emails = listAt(card, "emails").map((one) => textAt(one, "email"));
    return join([name, textAt(card, "org", "company"), ...numbers, ...emails], ", ");
  });
  return join(lines, "\n");
}

/** One line an item with quantity and price, then the customer's note. */
export function sayOrder(order: unknown): string | null {
  const items = listAt(order, "product_items").map((item) => {
    const what = join([textAt(item, "quantity"), textAt(item, "product_retailer_id")], " × ");
    const price = join([textAt(item, "item_price"), textAt(item, "currency")], " ");
    return join([what, price], " at ");
  });
  return join([...items, textAt(order, "text")], "\n");
}

/** What became of a payment: Meta's word, the amount, and our reference. Source: Meta, Payments API, "Payment signals". */
export function sayPayment(status: unknown): string | null {
  const payment = valueAt(status, "payment");
  const reference = textAt(payment, "reference_id");
  return join([textAt(status, "status"), sayAmount(payment), reference && `reference ${reference}`], ", ");
}

/** Meta gives an amount as a whole number and what it is to be divided by. */
function sayAmount(payment: unknown): string | null {
  const [value, offset] = [textAt(payment, "amount", "value"), textAt(payment, "amount", "offset")];
  if (value === null) return null;
  const amount = Number(value) / Number(offset ?? 1);
  return join([Number.isFinite(amount) ? String(amount) : value, textAt(payment, "currency")], " ");
}
