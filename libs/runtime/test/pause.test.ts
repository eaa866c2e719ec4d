import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createPause } from "../src/index.ts";

const WAIT_MS = 1_000;

function begin() {
  const pause = createPause();
  let isOver = false;
  void pause.wait(WAIT_MS).then(() => (isOver = true));
  return { pause, isOver: () => isOver };
}

describe("a pause", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("is as long as was asked for", async () => {
    const { isOver } = begin();
    await vi.advanceTimersByTimeAsync(WAIT_MS - 1);
    expect(isOver()).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(isOver()).toBe(true);
  });

  it("is over at once when it is cut short, and leaves no timer behind", async () => {
    const { pause, isOver } = begin();
    pause.cut();
    await vi.advanceTimersByTimeAsync(0);
    expect([isOver(), vi.getTimerCount()]).toEqual([true, 0]);
  });

  it("is not cut short by what came before it began", async () => {
    const pause = createPause();
    pause.cut();
    let isOver = false;
    void pause.wait(WAIT_MS).then(() => (isOver = true));
    await vi.advanceTimersByTimeAsync(WAIT_MS - 1);
    expect(isOver).toBe(false);
    pause.cut();
    pause.cut();
    await vi.advanceTimersByTimeAsync(0);
    expect([isOver, vi.getTimerCount()]).toEqual([true, 0]);
  });
});
