import type { Identities, Inbound } from "@turno/conversation";
import type { SendVerdict } from "@turno/sender";
import type { Random } from "@turno/simulator";

const HOUR_MS = 3_600_000;
const NOBODY: Identities = { userId: null, parentUserId: null, phone: null, phoneKey: null };

/** Everything that a customer is known by: two user ids, one after the other, and a phone. */
export const everyNameOf = (run: number) => [`US.${run}`, `US.${run}.new`, `1555${run}`];

const common = (key: string, sentAt: Date, receivedAt: Date) => {
  return {
    key,
    field: "messages",
    line: "{}",
    receivedAt,
    accountId: "100",
    phoneNumberId: "123",
    sentAt,
    content: "{}",
    text: "hola",
  };
};

/** A customer's message, now and then a late one or one that came before. */
export function interleavedMessage(random: Random, run: number, name: string, now: Date): Inbound {
  const late = random() < 0.2 ? random() * 30 * HOUR_MS : 0;
  const key = random() < 0.2 ? `msg:${run}.repeated` : `msg:${name}`;
  const type = random() < 0.8 ? "text" : random() < 0.5 ? "edit" : "revoke";
  return {
    ...common(key, new Date(now.getTime() - late), now),
    kind: "interaction",
    type,
    identities: faceOf(random, run),
    opensConversation: type === "text",
    renewsSession: type === "text",
    profile: { name: null, username: null },
  };
}

/** How a customer shows itself: by an id, by the phone alone, or by both, which proves that they are one. */
function faceOf(random: Random, run: number): Identities {
  const [userId = "", renewed = "", phone = ""] = everyNameOf(run);
  const byId = random() < 0.8 ? userId : renewed;
  const share = random();
  if (share < 0.15) return { ...NOBODY, phone, phoneKey: phone };
  return share < 0.3 ? { ...NOBODY, userId: byId, phone, phoneKey: phone } : { ...NOBODY, userId: byId };
}

/** Meta's notice that the customer has another user id. */
export function interleavedNotice(run: number, name: string, now: Date): Inbound {
  const [userId = "", renewed = "", phone = ""] = everyNameOf(run);
  const previous = { ...NOBODY, userId };
  const identities = { ...NOBODY, userId: renewed, phone, phoneKey: phone };
  const change = "user_changed_number";
  return {
    ...common(`msg:notice.${name}`, now, now),
    kind: "identity-change",
    type: "system",
    change,
    previous,
    identities,
  };
}

/** What Meta says of a message. */
export function interleavedVerdict(random: Random, id: string, refused: number): SendVerdict {
  const left = random() - refused;
  if (left > 0.1) return { kind: "accepted", wamid: `wamid.${id}` };
  if (left > 0) return { kind: "unknown", cause: "timeout" };
  const closesSession = random() < 0.4;
  const error = { code: closesSession ? 131_047 : 131_026, class: "C", message: "refused" };
  return {
    kind: "failed",
    failure: { ...error, closesSession, stopsMarketing: false, templateStatus: null, stop: null },
  };
}
