import { EVENT_SUBJECTS } from "@turno/contracts";
import { setTimeout as pause } from "node:timers/promises";
import { startOurs, toRequests, type Design } from "../designs.ts";
import { LostWork, waitUntil } from "../ledger.ts";
import { createLoader, type Loader } from "../load.ts";
import { createTrafficSource } from "../population.ts";
import type { PartResult } from "../results.ts";
import type { BenchScene } from "../scene.ts";
import { median, quantile } from "../statistics.ts";
import { userIdOf } from "../webhooks.ts";

const PER_SECOND = 200;
const CONNECTIONS = 32;
const STORED = 10_000;

/** From writing a POST to hearing on NATS who got the conversation, at a steady rate; each message opens one. */
export async function measureLatency(scene: BenchScene): Promise<PartResult> {
  const stored = scene.size(STORED, 500);
  const design = await startOurs(scene, { stored, syncAlways: true, withGateway: true, routers: 1 });
  const loader = await createLoader(design.gateway?.port ?? 0, CONNECTIONS);
  scene.onEnd(() => loader.close());
  const heard = listen(design);
  const rounds: { p50: number; p99: number; answerP50: number; answerP99: number }[] = [];
  const source = createTrafficSource(stored, 1, 1);
  for (const { round, counts } of scene.rounds(6)) {
    scene.progress(`round ${round}`);
    const { delays, answers } = await playRound(loader, heard, source.take(scene.size(PER_SECOND * 10, PER_SECOND)));
    if (!counts) continue;
    rounds.push({
      p50: quantile(delays, 0.5),
      p99: quantile(delays, 0.99),
      answerP50: quantile(answers, 0.5),
      answerP99: quantile(answers, 0.99),
    });
  }
  const of = (key: keyof (typeof rounds)[number]) => median(rounds.map((round) => round[key]));
  return {
    figures: { latencyP50Ms: of("p50"), latencyP99Ms: of("p99") },
    tables: [
      {
        title: `Delays at ${PER_SECOND} messages a second, each from a new customer, ms`,
        columns: ["from the POST to", "median", "99th percentile"],
        rows: [
          ["its answer 200, on disk", of("answerP50"), of("answerP99")],
          ["the assigned event on NATS", of("p50"), of("p99")],
        ],
      },
    ],
  };
}

/** The instant at which each customer's conversation was heard to be given to somebody. */
function listen({ broker }: Design): Map<string, number> {
  const userOf = new Map<string, string>();
  const assignedAt = new Map<string, number>();
  broker.connection.nats.subscribe(EVENT_SUBJECTS, {
    callback: (_, message) => {
      const at = performance.now();
      const { type, data } = message.json<{
        type: string;
        data: { conversationId: string; contact?: { userId: string } };
      }>();
      if (type === "conversation.opened") userOf.set(data.conversationId, data.contact?.userId ?? "");
      if (type !== "conversation.assigned") return;
      const user = userOf.get(data.conversationId);
      if (user === undefined || assignedAt.has(user)) throw new LostWork("assigned twice, or before it was opened");
      assignedAt.set(user, at);
    },
  });
  return assignedAt;
}

async function playRound(
  loader: Loader,
  assignedAt: Map<string, number>,
  traffic: ReturnType<ReturnType<typeof createTrafficSource>["take"]>,
): Promise<{ delays: number[]; answers: number[] }> {
  const requests = toRequests(traffic);
  const sentAt: number[] = [];
  const answers: number[] = [];
  const posted: Promise<void>[] = [];
  const postAndNote = async (request: Buffer, at: number) => {
    const status = await loader.post(request);
    if (status !== 200) throw new LostWork(`a webhook was answered ${status}`);
    answers.push(performance.now() - at);
  };
  let dueAt = performance.now();
  for (const request of requests) {
    // Instants at random, as independent customers make them: bursts of several within a millisecond belong to it.
    dueAt += (-Math.log(1 - Math.random()) * 1000) / PER_SECOND;
    const waitMs = dueAt - performance.now();
    if (waitMs > 1) await pause(waitMs);
    const at = performance.now();
    sentAt.push(at);
    posted.push(postAndNote(request, at));
  }
  await Promise.all(posted);
  const users = traffic.messages.map(({ sender }) => userIdOf(sender));
  await waitUntil("an assignment for each message", () => users.every((user) => assignedAt.has(user)));
  const delays = users.map((user, index) => (assignedAt.get(user) ?? Number.NaN) - (sentAt[index] ?? Number.NaN));
  return { delays, answers };
}
