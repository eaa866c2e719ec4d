import { connectToDatabase } from "@turno/database";
import { connectToNats } from "@turno/messaging";
import { serve } from "./measured-server.ts";
import { PLAIN_CONSUMER, PLAIN_STREAM, provisionPlainStream, type PlainMessage } from "./plain-contract.ts";
import { handleMessage } from "./plain-message.ts";
import { runPlainRelay } from "./plain-relay.ts";

/**
 * The usual worker: a durable consumer, one transaction for each message, eight at a time, an acknowledgement after the
 * commit, and an outbox that is polled. It does the same to the same tables as our router.
 */
const AT_A_TIME = 8;
/** Two messages of one new customer collide on its row: the second try finds it. */
const TRIES = 5;

const connection = await connectToNats({ url: process.env["NATS_URL"] ?? "", name: "plain-router" });
const sql = connectToDatabase(process.env["DATABASE_URL"] ?? "", {
  connectionsMax: AT_A_TIME + 2,
  name: "plain-router",
});
await provisionPlainStream(connection);

const manager = await connection.nats.jetstreamManager();
// The client's enumeration of policies is in a package that only `libs/messaging` imports.
const consumerConfig: object = { durable_name: PLAIN_CONSUMER, ack_policy: "explicit" };
await manager.consumers.add(PLAIN_STREAM, consumerConfig);
const consumer = await connection.nats.jetstream().consumers.get(PLAIN_STREAM, PLAIN_CONSUMER);

let messages = 0;
let failures = 0;

async function handle(text: string): Promise<void> {
  const message = JSON.parse(text) as PlainMessage;
  for (let attempt = 1; ; attempt++) {
    try {
      await sql.begin((tx) => handleMessage(tx, message));
      messages += 1;
      return;
    } catch (error) {
      if (attempt === TRIES) throw error;
    }
  }
}

async function consume(): Promise<void> {
  const underWay = new Set<Promise<void>>();
  for await (const delivered of await consumer.consume({ max_messages: 256 })) {
    const handling = handle(delivered.string())
      .then(
        () => delivered.ack(),
        () => {
          failures += 1;
          delivered.nak(100);
        },
      )
      .finally(() => underWay.delete(handling));
    underWay.add(handling);
    if (underWay.size >= AT_A_TIME) await Promise.race(underWay);
  }
}

serve(
  (_, response) => response.writeHead(404).end(),
  () => ({ messages, failures }),
);
await Promise.all([consume(), runPlainRelay(sql, connection)]);
