import { describe, expect, it } from "vitest";
import { z } from "zod";
import { describeFaults } from "../src/index.ts";

const issuesOf = (schema: z.ZodType, value: unknown) => schema.safeParse(value).error?.issues ?? [];

describe("what is told of a wrong request", () => {
  it("names each field and rule, and no value", () => {
    const issues = issuesOf(z.object({ name: z.string(), deep: z.object({ count: z.number() }) }), {
      name: 1,
      deep: {},
    });
    const { message, faults } = describeFaults(issues, "command");
    expect(faults.map(({ field }) => field)).toEqual(["name", "deep.count"]);
    expect(message).toMatch(/^The command is not valid: name: .+; deep\.count: /);
    expect(describeFaults(issuesOf(z.string(), 1), "command", "body").faults[0]?.field).toBe("(body)");
    expect(describeFaults(issuesOf(z.string(), 1), "query").faults[0]?.field).toBe("(query)");
  });

  it("is short, however much was wrong", () => {
    const unknown = Object.fromEntries(Array.from({ length: 40_000 }, (_, index) => [`key${index}`, 1]));
    const wrong = Array.from({ length: 5_000 }, () => ({ ["k".repeat(10_000)]: 1 }));
    for (const [schema, value] of [
      [z.strictObject({}), unknown],
      [z.array(z.strictObject({})), wrong],
      [z.record(z.string(), z.string()), wrong[0]],
    ] as const) {
      const told = describeFaults(issuesOf(schema, value), "body");
      expect(told.faults.length).toBeGreaterThan(0);
      expect(JSON.stringify(told).length).toBeLessThan(40_000);
    }
    expect(describeFaults(issuesOf(z.array(z.string()), Array(50).fill(1)), "body").message).toMatch(/; and 30 more$/);
  });
});
