/** How Graph names the recipient: a phone number with `+`, or a business-scoped user id. */
export type Recipient = { to: string } | { recipient: string };

/**
 * Returns the address of a contact, or null if nothing usable is known. The user id comes first, because Meta knows it
 * for every customer and a phone number may be recycled; `needsPhone` is for messages that Meta refuses to send to one
 * (authentication templates, error 131062). Without `+` Meta would put the business number's own country code before
 * it. Source: Meta, Cloud API, "Business-scoped user ids" and "Phone numbers".
 */
export function recipientOf(
  contact: { userId: string | null; phone: string | null },
  options: { needsPhone: boolean },
): Recipient | null {
  const byPhone = contact.phone === null ? null : { to: `+${contact.phone.replace(/^\+/, "")}` };
  if (options.needsPhone && byPhone !== null) return byPhone;
  return contact.userId === null ? byPhone : { recipient: contact.userId };
}
