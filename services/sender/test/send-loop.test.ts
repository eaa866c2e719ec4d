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
  token: null,
});

/** A lease that hands out `count` messages, and a Meta that answers when told to. */
function createScene(
  count: number,
  options: { inFlightMax?: number; drainMs?: number; poisonId?: string; brokenId?: string; claimDefect?: Error } = {},
) {
  let leased = 0;
  const limits: number[] = [];
  const calls: { id: string; answer: () => void; signal: AbortSignal }[] = [];
  const recorded: SendOutcome[] = [];
  const defects: unknown[] = [];
  const failures: unknown[] = [];
  let recordFailures = 0;
  const loop = createSendLoop({
    lease: (limit) => {
      limits.push(limit);
      if (options.claimDefect !== undefined) return Promise.reject(options.claimDefect);
      const sends = Array.from({ length: Math.min(limit, count - leased) }, (_, index) => sendOf(leased + index));
      leased += sends.length;
      return Promise.resolve({ sends, waitMs: null, lapsedIds: [] });
    },
    call: ({ id }, signal) =>
      new Promise((resolve, reject) => {
        if (id === options.brokenId) return reject(new TypeError("planted"));
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
    onFailure: (stage, error) => failures.push([stage, error]),
    onDefect: (stage, error, sendId) => defects.push([stage, sendId, error]),
    inFlightMax: options.inFlightMax ?? 10,
    pollMs: 20,
    drainMs: options.drainMs ?? 1_000,
  });
  return { loop, calls, recorded, defects, failures, limits, failRecords: (times: number) => (recordFailures = times) };
}

describe("the send loop", () => {
  it("gives up the one outcome that a defect meets, and records the others", async () => {
    const { loop, calls, recorded, defects } = createScene(3, { poisonId: "send-1" });
    await waitFor(() => calls.length === 3, { what: "three calls are under way" });
    for (const { answer } of calls) answer();
    await loop.stop();
    expect(recorded.map(({ id }) => id).toSorted()).toEqual(["send-0", "send-2"]);
    expect([defects, loop.inFlight]).toEqual([[["record", "send-1", new TypeError("planted")]], 0]);
  });

  it("notes a call that a defect meets as unknown, and goes on with the others", async () => {
    const { loop, calls, recorded, defects } = createScene(3, { brokenId: "send-1" });
    await waitFor(() => calls.length === 2, { what: "two calls are under way" });
    for (const { answer } of calls) answer();
    await loop.stop();
    const verdicts = recorded.toSorted((a, b) => a.id.localeCompare(b.id)).map(({ id, verdict }) => [id, verdict]);
    expect(verdicts).toEqual([
      ["send-0", { kind: "accepted", wamid: "send-0" }],
      ["send-1", { kind: "unknown", cause: "defect" }],
      ["send-2", { kind: "accepted", wamid: "send-2" }],
    ]);
    expect(defects).toEqual([["call", "send-1", new TypeError("planted")]]);
  });

  it("leases nothing more after a defect that no message is to blame for, and tells it once", async () => {
    const { loop, calls, failures } = createScene(3, { claimDefect: new TypeError("planted") });
    await waitFor(() => failures.length === 1, { what: "it is told" });
    await loop.stop();
    expect([failures, calls]).toEqual([[["claim", new TypeError("planted")]], []]);
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
