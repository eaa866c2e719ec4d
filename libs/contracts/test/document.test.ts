import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { writeAsyncApiDocument, writeEventsDocument } from "../src/document.ts";
import { writeNatsPermissions } from "../src/nats-permissions.ts";
import { writeSetupFileSchema } from "../src/setup-file.ts";

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

describe("the generated documents", () => {
  it("say what the contracts say: docs/events.md is not stale (run `npm run docs`)", () => {
    expect(read("docs/events.md")).toBe(writeEventsDocument());
  });

  it("say what the contracts say: docs/asyncapi.json is not stale (run `npm run docs`)", () => {
    expect(read("docs/asyncapi.json")).toBe(writeAsyncApiDocument());
  });

  it("say what a setup file may hold: docs/turno.schema.json is not stale (run `npm run docs`)", () => {
    expect(read("docs/turno.schema.json")).toBe(writeSetupFileSchema());
  });

  it("say what the table of access says: deploy/nats/nats-permissions.conf is not stale (run `npm run docs`)", () => {
    expect(read("deploy/nats/nats-permissions.conf")).toBe(writeNatsPermissions());
  });
});
