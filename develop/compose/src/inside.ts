// Runs inside the gateway's container, where the broker is in reach, with NATS_URL of the user `cli`. `configure` makes a
// group, an agent and the channel that is named; `await` says when it watches, and then when the message that is named has been
// received and its conversation was given to an agent.
import { envelopeSchema, EVENT_SUBJECTS, type CommandInput, type CommandVerb } from "@turno/contracts";
import { connectToNats, requestCommand } from "@turno/messaging";
import process from "node:process";

const [task = "", name = ""] = process.argv.slice(-2);
const EVENT_MS_MAX = 30_000;
const idOf = (number: number) => `01900000-0000-7000-8000-${String(number).padStart(12, "0")}`;
const actor = { kind: "service", name: "cli" } as const;
const connection = await connectToNats({ url: process.env["NATS_URL"] ?? "", name: "compose-proof" });

async function ask<V extends CommandVerb>(verb: V, input: CommandInput<V>): Promise<void> {
  const reply = await requestCommand(connection, verb, input, { timeoutMs: 10_000 });
  if ("refusal" in reply) throw new Error(`${verb} was refused: ${reply.refusal.message}`);
}

async function configure(): Promise<void> {
  await ask("configure", {
    actor,
    groups: [{ id: idOf(1), name: "Support", distribution: "automatic" }],
    agents: [{ id: idOf(2), name: "Ana", capacity: null, groupIds: [idOf(1)] }],
    channels: [{ id: idOf(3), phoneNumberId: name, accountId: "100", name: "Main", groupId: idOf(1) }],
  });
  await ask("set-availability", { actor, agentId: idOf(2), availability: "available" });
}

async function awaitAssigned(): Promise<void> {
  const assigned = new Set<string>();
  let conversationId: string | null = null;
  const seen = new Promise<void>((resolve, reject) => {
    setTimeout(() => reject(new Error(`no events of ${name} came`)), EVENT_MS_MAX).unref();
    connection.nats.subscribe(EVENT_SUBJECTS, {
      callback: (error, message) => {
        if (error !== null) return reject(error);
        const { type, data } = envelopeSchema.parse(message.json()) as { type: string; data: EventData };
        if (type === "message.received" && data.content?.id === name) conversationId = data.conversationId;
        if (type === "conversation.assigned") assigned.add(data.conversationId);
        if (conversationId !== null && assigned.has(conversationId)) resolve();
      },
    });
  });
  await connection.nats.flush();
  process.stdout.write("watching\n");
  await seen;
  process.stdout.write("assigned\n");
}

interface EventData {
  conversationId: string;
  content?: { id?: string };
}

await (task === "configure" ? configure() : awaitAssigned());
await connection.close();
