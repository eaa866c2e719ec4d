import { Failure } from "@turno/runtime";
import { waitFor } from "@turno/testing";
import { describe, expect, it } from "vitest";
import type { LeasedSend } from "../src/sending/lease-sends.ts";
import type { SendOutcome } from "../src/sending/record-outcomes.ts";
import { createSendLoop } from "../src/sending/send-loop.ts";

class AwayFailure extends Failure {}

const sendOf = (index: number): LeasedSend => ({
  id: `send-${index}`,
  attempt: 1,
  phoneNumberId: "200",
  kind: "text",
  body: {},
  contact: { userId: "US.1", phone: null },
  needsPhone: false,
});

/** A lease that hands out `count` messages, and a Meta that answers when told to. */
function createScene(count: number, options: { inFlightMax?: number; drainMs?: number; poisonId?: string } = {}) {
  let leased = 0;
  const limits: number[] = [];
  const calls: { id: string; answer: () => void; signal: AbortSignal }[] = [];
  const recorded: SendOutcome[] = [];
  const defects: unknown[] = [];
  let recordFailures = 0;
  const loop = createSendLoop({
    lease: (limit) => {
      limits.push(limit);
      const sends = Array.from({ length: Math.min(limit, count - leased) }, (_, index) => sendOf(leased + index));
      leased += sends.length;
      return Promise.resolve({ sends, waitMs: null, lapsedIds: [] });
    },
    call: ({ id }, signal) =>
      new Promise((resolve) => {
        const answer = () => resolve({ kind: "accepted", wamid: id });
        signal.addEventListener("abort", () => resolve({ kind: "unknown", cause: "aborted" }));
        calls.push({ id, answer, signal });
      }),
    record: (outcomes) => {
      if (recordFailures > 0) {
        recordFailures -= 1;
        return Promise.reject(new AwayFailure("the database is away"));
      }
      if (outcomes.some(({ id }) => id === options.poisonId)) return Promise.reject(new TypeError("planted"));
      recorded.push(...outcomes);
      return Promise.resolve();
    },
    onFailure: () => undefined,
    onDefect: (error) => defects.push(error),
    inFlightMax: options.inFlightMax ?? 10,
    pollMs: 20,
    drainMs: options.drainMs ?? 1_000,
  });
  return { loop, calls, recorded, defects, limits, failRecords: (times: number) => (recordFailures = times) };
}

describe("the send loop", () => {
  it("gives up the one outcome that a defect meets, and records the others", async () => {
    const { loop, calls, recorded, defects } = createScene(3, { poisonId: "send-1" });
    await waitFor(() => calls.length === 3, { what: "three calls are under way" });
    for (const { answer } of calls) answer();
    await loop.stop();
    expect(recorded.map(({ id }) => id).toSorted()).toEqual(["send-0", "send-2"]);
    expect([defects, loop.inFlight]).toEqual([[new TypeError("planted")], 0]);
  });

  it("has no more calls under way than it may, and leases only for the room there is", async () => {
    const { loop, calls, recorded, limits } = createScene(25, { inFlightMax: 10 });
    await waitFor(() => calls.length === 10, { what: "ten calls are under way" });
    expect(loop.inFlight).toBe(10);
    for (const { answer } of calls.slice(0, 4)) answer();
    await waitFor(() => calls.length === 14, { what: "four more are" });
    const answered = new Set(calls.slice(0, 4));
    await waitFor(
      () => {
        for (const call of calls) if (!answered.has(call)) call.answer();
        return recorded.length === 25;
      },
      { what: "all are recorded" },
    );
    await loop.stop();
    expect(Math.max(...limits)).toBe(10);
    expect(loop.inFlight).toBe(0);
  });

  it("keeps outcomes until the database takes them", async () => {
    const { loop, calls, recorded, failRecords } = createScene(1);
    failRecords(2);
    await waitFor(() => calls.length === 1, { what: "the call is under way" });
    calls[0]?.answer();
    await waitFor(() => recorded.length === 1, { what: "the outcome is recorded" });
    await loop.stop();
    expect(recorded).toEqual([{ id: "send-0", attempt: 1, verdict: { kind: "accepted", wamid: "send-0" } }]);
  });

  it("gives up calls that do not end in time when it stops, as unknown, and records them", async () => {
    const { loop, calls, recorded } = createScene(3, { drainMs: 20 });
    await waitFor(() => calls.length === 3, { what: "the calls are under way" });
    calls[0]?.answer();
    await loop.stop();
    expect(recorded.map(({ verdict }) => verdict.kind).toSorted()).toEqual(["accepted", "unknown", "unknown"]);
  });
});
