import { describe, expect, it } from "vitest";
import { waitFor } from "../src/wait-for.ts";

function fail(): never {
  throw new Error("not yet");
}

describe("waitFor", () => {
  it("gives what the condition gave, once it gives something", async () => {
    let asked = 0;
    const seen = await waitFor(() => (++asked === 3 ? "there" : false), { what: "it is there", intervalMs: 1 });
    expect(seen).toBe("there");
  });

  it("says what it waited for and what it saw last", async () => {
    const waiting = waitFor(() => 0, { what: "the count is not 0", timeoutMs: 5, intervalMs: 1 });
    await expect(waiting).rejects.toThrow("waited 5 ms in vain until the count is not 0; last seen: 0");
  });

  it("asks again after an error, and names the last one", async () => {
    await expect(waitFor(fail, { what: "it works", timeoutMs: 5, intervalMs: 1 })).rejects.toThrow(
      "last error: not yet",
    );
  });
});
