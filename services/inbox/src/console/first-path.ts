export const FIRST_PATH = "/console/first";

/** Returns the address of the screen from which one writes to a contact, on a channel where one is known. */
export function firstPathOf(contactId: string, channelId: string | null): string {
  const query = new URLSearchParams({ contact: contactId, ...(channelId === null ? {} : { channel: channelId }) });
  return `${FIRST_PATH}?${query.toString()}`;
}
