import { describe, expect, it } from "vitest";
import { findSecrets } from "../src/log-audit.ts";

const line = (members: object) =>
  JSON.stringify({ level: 30, time: 1_764_000_000_123, msg: "deliveries are stored", ...members });

describe("the audit of all services' logs", () => {
  it.each([
    ["a token", { authorization: `Bearer ${"x".repeat(40)}` }],
    ["a token", { err: `refused eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIwMThmIn0.sig` }],
    ["a phone number", { from: "5511900000001" }],
    ["a phone number", { err: { message: "no contact of +34600000001" } }],
    ["a message's text", { update: { text: { body: "qualquer coisa" } } }],
    ["a message's text", { line: JSON.stringify({ image: { caption: "x" } }) }],
  ])("finds %s", (what, members) => {
    expect(findSecrets(line(members))).toEqual([what]);
  });

  it("takes instants, ids and ports for what they are", () => {
    const members = {
      port: 43_115,
      phoneNumberId: "106540352242922",
      id: "018f0000-0000-7000-8000-123456789012",
      micros: 12.5,
      err: { message: "account 102290129340398 has no access token: an admin has to set it" },
    };
    expect(findSecrets(line(members))).toEqual([]);
  });
});
