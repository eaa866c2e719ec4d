import type { InboundLine } from "@turno/contracts";
import {
  buildMessage,
  createRandom,
  signBody,
  wrapDelivery,
  type SimulatedChannel,
  type Customer,
} from "@turno/simulator";
import { splitDelivery } from "@turno/whatsapp";
import { randomBytes, randomUUID } from "node:crypto";

export const APP_SECRET = "bench-secret";
const PATH = "/webhooks/whatsapp";
export const CHANNEL: SimulatedChannel = {
  accountId: "102290129340398",
  phoneNumberId: "106540352242922",
  displayPhoneNumber: "15550783881",
};

/** Bytes of a webhook with one text message, as Meta sends them. */
const BODY_BYTES = 1_200;

const FILLER = "Hola, quiero saber en que estado esta mi pedido, porque no me ha llegado todavia. ";

/** One text message of one customer, known by its number: the same number is the same customer in every database. */
export interface CustomerText {
  id: string;
  sender: number;
}

export const userIdOf = (sender: number): string => `ES.${String(sender).padStart(15, "0")}`;
export const phoneOf = (sender: number): string => `34${String(600_000_000 + sender)}`;

/** What a webhook with one message is long where the text is empty. */
const ENVELOPE_BYTES = 507;
const TEXT = FILLER.repeat(10).slice(0, BODY_BYTES - ENVELOPE_BYTES);

let made = 0;
const run = randomBytes(6).toString("hex");

/** A message from a customer, with an id that no other has. */
export function createMessage(sender: number): CustomerText {
  made += 1;
  return { id: `wamid.HBgN${Buffer.from(`${run}${made.toString(36).padStart(9, "0")}`).toString("base64")}`, sender };
}

/** The body of one POST that holds these messages; with one message it is `BODY_BYTES` long, and its text is that of all. */
export function createBody(messages: readonly CustomerText[]): Buffer {
  return Buffer.from(wrap(messages, TEXT), "latin1");
}

function wrap(messages: readonly CustomerText[], text: string): string {
  const random = createRandom(1);
  const updates = messages.map(({ id, sender }) => {
    const customer = customerOf(sender);
    const item = buildMessage({ type: "text", id, customer, at: Date.now(), random, text });
    return {
      id,
      kind: "message" as const,
      field: "messages",
      list: "messages" as const,
      item,
      customer,
      channel: CHANNEL,
    };
  });
  return wrapDelivery(updates, random);
}

function customerOf(sender: number): Customer {
  return {
    index: sender,
    name: "Customer",
    username: null,
    phone: phoneOf(sender),
    userId: userIdOf(sender),
    phoneVisible: true,
    ordinal: 0,
    lastWroteAt: null,
  };
}

/** The bytes of a signed POST on a kept connection. */
export function createRequest(body: Buffer): Buffer {
  const head = [
    `POST ${PATH} HTTP/1.1`,
    "Host: 127.0.0.1",
    "User-Agent: facebookexternalua",
    "Accept: */*",
    "Content-Type: application/json",
    `X-Hub-Signature-256: ${signBody(body, APP_SECRET)}`,
    `Content-Length: ${body.length}`,
  ];
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`, "latin1"), body]);
}

/** What a gateway writes into the log for a body. */
export function createLines(body: Buffer): InboundLine[] {
  return splitDelivery(body, { receivedAt: new Date().toISOString(), createId: randomUUID });
}
