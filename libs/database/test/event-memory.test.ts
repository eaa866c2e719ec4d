import { describe, expect, it } from "vitest";
import { createEventMemory, type StoredEvent } from "../src/index.ts";

const event = (position: number, length = 10): StoredEvent => ({
  position,
  id: `event-${position}`,
  type: "message.received",
  entityId: "conversation",
  sequence: position,
  phoneNumberId: "123",
  occurredAt: new Date(0),
  data: "x".repeat(length),
  content: null,
});

describe("the memory of written events", () => {
  it("gives each away once", () => {
    const memory = createEventMemory(() => true);
    memory.keep([event(1), event(2)]);
    expect(memory.take(1)).toEqual(event(1));
    expect(memory.take(1)).toBeUndefined();
    expect(memory.take(2)).toEqual(event(2));
  });

  it("keeps nothing where another process publishes", () => {
    let isLeader = false;
    const memory = createEventMemory(() => isLeader);
    memory.keep([event(1)]);
    isLeader = true;
    memory.keep([event(2)]);
    expect([memory.take(1), memory.take(2)]).toEqual([undefined, event(2)]);
  });

  it("gives nothing away that it had before it was cleared", () => {
    const memory = createEventMemory(() => true);
    memory.keep([event(1)]);
    memory.clear();
    memory.keep([event(2)]);
    expect([memory.take(1), memory.take(2)]).toEqual([undefined, event(2)]);
  });

  it("holds 16 million characters at most, and takes more again once some were given away", () => {
    const memory = createEventMemory(() => true);
    const million = 1024 * 1024;
    memory.keep(Array.from({ length: 20 }, (_, index) => event(index, million)));
    const kept = Array.from({ length: 20 }, (_, index) => memory.take(index)).map((found) => found !== undefined);
    expect(kept).toEqual(Array.from({ length: 20 }, (_, index) => index < 16));
    memory.keep([event(100, million)]);
    expect(memory.take(100)).toBeDefined();
  });

  it("is not full for ever of events that were undone: what comes much later takes their place", () => {
    const memory = createEventMemory(() => true);
    const million = 1024 * 1024;
    memory.keep(Array.from({ length: 16 }, (_, index) => event(index, million)));
    memory.keep([event(32_768 + 3, million)]);
    expect(memory.take(3)).toBeUndefined();
    expect(memory.take(32_768 + 3)).toBeDefined();
  });
});
