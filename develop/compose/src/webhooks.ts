import { buildMessage, createCustomers, createRandom, signBody, wrapDelivery, type Customer } from "@turno/simulator";
import { setTimeout as wait } from "node:timers/promises";

const CHANNEL = { accountId: "100", phoneNumberId: "123", displayPhoneNumber: "15550001111" };
export const PHONE_NUMBER_ID = CHANNEL.phoneNumberId;
const POST_MS_MAX = 20_000;
const EVERY_MS = 50;

/** Posts text messages of new customers, and remembers which of them were answered 200. */
export interface Webhooks {
  accepted: Set<string>;
  /** Posts one message, and returns the status; 0 where nobody answers. */
  post: (options?: { id?: string; secret?: string }) => Promise<number>;
  /** Posts until it is told to stop. */
  keepPosting: () => () => Promise<void>;
}

export function createWebhooks(gatewayUrl: string, appSecret: string): Webhooks {
  const random = createRandom(1);
  const accepted = new Set<string>();
  let count = 0;
  const post: Webhooks["post"] = async ({ id = `wamid.steady.${count}`, secret = appSecret } = {}) => {
    count++;
    const [customer] = createCustomers({ count: 1, random, firstIndex: count }) as [Customer];
    const item = buildMessage({ type: "text", id, customer, at: Date.now(), random });
    const update = {
      id,
      kind: "message",
      field: "messages",
      list: "messages",
      item,
      customer,
      channel: CHANNEL,
    } as const;
    const body = wrapDelivery([update], random);
    const status = await fetch(`${gatewayUrl}/webhooks/whatsapp`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-hub-signature-256": signBody(body, secret) },
      body,
      signal: AbortSignal.timeout(POST_MS_MAX),
    }).then(
      (response) => response.status,
      () => 0,
    );
    if (status === 200) accepted.add(id);
    return status;
  };
  return {
    accepted,
    post,
    keepPosting: () => {
      let isStopping = false;
      const posting = (async () => {
        while (!isStopping) {
          await post();
          await wait(EVERY_MS);
        }
      })();
      return () => {
        isStopping = true;
        return posting;
      };
    },
  };
}
