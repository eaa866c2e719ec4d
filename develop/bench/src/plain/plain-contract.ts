import { provisionStream, type Connection } from "@turno/messaging";

/** The plain design's own log of messages, one message of the stream for each of a customer's. */
export const PLAIN_STREAM = "PLAIN_INBOUND";
export const PLAIN_SUBJECT = "plain.inbound.message";
export const PLAIN_CONSUMER = "plain-router";

export interface PlainMessage {
  metadata: { phone_number_id: string };
  contact?: { profile: { name: string }; wa_id: string; user_id: string } | undefined;
  message: { from: string; from_user_id: string; id: string; timestamp: string; type: string };
  receivedAt: string;
}

export async function provisionPlainStream(connection: Connection): Promise<void> {
  await provisionStream(connection, {
    name: PLAIN_STREAM,
    settings: { subjects: [PLAIN_SUBJECT], retention: "limits", storage: "file" },
  });
}
