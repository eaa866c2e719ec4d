import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { writeAsyncApiDocument, writeEventsDocument } from "../src/document.ts";

const read = (name: string) => readFileSync(new URL(`../../../docs/${name}`, import.meta.url), "utf8");

describe("the generated documents", () => {
  it("say what the contracts say: docs/events.md is not stale (run `npm run docs`)", () => {
    expect(read("events.md")).toBe(writeEventsDocument());
  });

  it("say what the contracts say: docs/asyncapi.json is not stale (run `npm run docs`)", () => {
    expect(read("asyncapi.json")).toBe(writeAsyncApiDocument());
  });
});
