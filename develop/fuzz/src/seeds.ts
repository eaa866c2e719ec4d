import { encodeInboundRecord } from "@turno/contracts";
import { createCatalogue, createCustomers, createRandom } from "@turno/simulator";
import { splitDelivery } from "@turno/whatsapp";

export const FUZZED_CHANNEL = { accountId: "100", phoneNumberId: "123", displayPhoneNumber: "15550001111" };
export const FUZZED_AT = "2026-01-31T12:00:00.123Z";
/** What is longer is left to tests of its own. */
const SEED_BYTES_MAX = 4_000;

/** One delivery of everything that Meta sends. */
export function deliverySeeds(): Buffer[] {
  const [customer] = createCustomers({ count: 1, random: createRandom(1), usernameShare: 0 });
  if (customer === undefined) throw new Error("the simulator made no customer");
  const catalogue = createCatalogue({ customer, channel: FUZZED_CHANNEL, at: 1_790_000_000_000, salt: "fuzz" });
  return catalogue.map(({ body }) => Buffer.from(body)).filter(({ length }) => length <= SEED_BYTES_MAX);
}

/** Splits a delivery as the gateway does, with ids that are the same each time. */
function splitSeed(body: Buffer) {
  let count = 0;
  return splitDelivery(body, { receivedAt: FUZZED_AT, createId: () => `id-${count++}` });
}

/** Lines of a lane, as the gateway writes them. */
export const lineSeeds = (lane: string): string[] =>
  deliverySeeds().flatMap((body) => splitSeed(body).flatMap((update) => (update.lane === lane ? [update.json] : [])));

/** Records as the gateway writes them: their headers on the first line, then their payload. */
export function recordSeeds(): Buffer[] {
  return deliverySeeds().map((body) => {
    const { payload, headers } = encodeInboundRecord(splitSeed(body));
    return Buffer.concat([Buffer.from(`${JSON.stringify(headers)}\n`), payload]);
  });
}
