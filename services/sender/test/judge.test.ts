import type { GraphErrorClass, GraphOutcome } from "@turno/whatsapp";
import { describe, expect, it } from "vitest";
import { failureOf, judge } from "../src/sending/judge.ts";
import { readStatusLine } from "../src/statuses/follow-statuses.ts";

const refused = (code: number | null, errorClass: Exclude<GraphErrorClass, "B">, retryAfterMs: number | null = null) =>
  ({ kind: "refused", code, class: errorClass, details: "Details.", retryAfterMs }) satisfies GraphOutcome;
const given = { kind: "text", attempt: 1, retryUnitMs: 1_000, random: () => 0 };

describe("what becomes of a message after a call", () => {
  it("never repeats a call whose outcome is not known", () => {
    expect(judge({ kind: "unknown", cause: "timeout" }, given)).toEqual({ kind: "unknown", cause: "timeout" });
  });

  it("repeats what was refused before it was processed, for a pair after 4^X seconds", () => {
    const waits = [1, 2, 3, 4, 9].map((attempt) => judge(refused(131056, "A"), { ...given, attempt }));
    expect(waits).toMatchObject([1_000, 4_000, 16_000, 64_000, 300_000].map((delayMs) => ({ delayMs, pause: "pair" })));
    expect(judge(refused(130429, "A"), given)).toMatchObject({ kind: "retry", delayMs: 1_000, pause: "number" });
    expect(judge(refused(null, "A"), given)).toMatchObject({ kind: "retry", delayMs: 1_000, pause: "number" });
  });

  it("waits as long as Meta asks for", () => {
    expect(judge(refused(130429, "A", 90_000), given)).toMatchObject({ delayMs: 90_000 });
  });

  it("fails what stays wrong, with the reason and what to do", () => {
    expect(judge(refused(131026, "C"), given)).toMatchObject({
      kind: "failed",
      failure: { code: 131026, class: "C", message: expect.stringMatching(/131026: Details\. .+/) as string },
    });
    expect(judge(refused(131047, "C"), given)).toMatchObject({ failure: { closesSession: true } });
    expect(judge(refused(132015, "E"), given)).toMatchObject({ failure: { templateStatus: "PAUSED" } });
  });

  it.each([
    [133010, "F", "number"],
    [131005, "H2", "number"],
    [131031, "G", "account"],
    [190, "H", "token"],
  ] as const)("keeps the message and stops what the cause of code %i covers, and no more", (code, name, scope) => {
    expect(judge(refused(code, name), given)).toMatchObject({ kind: "stopped", stop: { scope, code } });
    expect(failureOf({ code, class: name, details: "Details." }, "status").stop).toMatchObject({ scope, code });
  });

  it("holds the templates of an account that has to pay; an answer fails by its own word, and a later status proves nothing", () => {
    const unpaid = refused(131042, "G2");
    const stop = { scope: "templates", code: 131042 };
    expect(judge(unpaid, { ...given, kind: "template" })).toMatchObject({ kind: "stopped", stop });
    expect(judge(unpaid, given)).toMatchObject({ kind: "failed", failure: { code: 131042, stop } });
    expect(failureOf({ code: 131042, class: "G2", details: "Details." }, "status").stop).toBeNull();
  });

  it("fails the message to a country that the account may not write to, and stops nothing", () => {
    const verdict = judge(refused(130497, "G3"), given);
    expect(verdict).toMatchObject({ kind: "failed", failure: { code: 130497, stop: null } });
    expect(verdict.kind === "failed" && verdict.failure.message).toContain("in this country");
  });

  it("fails a template that Meta takes and does not deliver because it is paused; one that is held may go its way", () => {
    const accepted = { kind: "accepted", wamid: "wamid.A" } as const;
    const failure = { code: 132015, templateStatus: "PAUSED" };
    expect(judge({ ...accepted, messageStatus: "paused" }, given)).toMatchObject({ kind: "failed", failure });
    expect(judge({ ...accepted, messageStatus: "held_for_quality_assessment" }, given)).toEqual({
      ...accepted,
      isHeld: true,
    });
    expect(judge({ ...accepted, messageStatus: "accepted" }, given)).toEqual(accepted);
  });

  it("gives a template that is not everywhere yet three times ten minutes", () => {
    expect(judge(refused(134101, "D"), given)).toMatchObject({ kind: "retry", delayMs: 600_000, pause: null });
    expect(judge(refused(134101, "D"), { ...given, attempt: 4 })).toMatchObject({ kind: "failed" });
  });
});

describe("a line of the status lane", () => {
  const line = (update: object) =>
    JSON.stringify({
      key: "st:wamid.A:sent",
      field: "messages",
      accountId: "100",
      metadata: { phone_number_id: "200" },
      contacts: [],
      update,
      receivedAt: "2026-11-22T10:00:00.000Z",
    });
  const status = { id: "wamid.A", status: "sent", timestamp: "1790000000" };

  it("takes the callback data as a message of ours only where it is one of our ids", () => {
    const id = "018f0000-0000-7000-8000-000000000001";
    const sendIdOf = (data: string) => {
      const item = readStatusLine(line({ ...status, biz_opaque_callback_data: data }));
      return item.kind === "status" ? item.sendId : item.kind;
    };
    expect([sendIdOf(id), sendIdOf("somebody else's")]).toEqual([id, null]);
  });

  it("keeps a word that Meta adds tomorrow, and sets aside what cannot be read", () => {
    expect(readStatusLine(line({ ...status, status: "warning" })).kind).toBe("observation");
    const payment = readStatusLine(line({ ...status, type: "payment", status: "failed" }));
    expect(payment).toMatchObject({ kind: "payment", status: "failed" });
    expect(readStatusLine(line({ ...status, type: "message", status: "failed" })).kind).toBe("status");
    expect(readStatusLine(line({ status: "sent" }))).toMatchObject({
      kind: "unreadable",
      cause: "id: must be a message id",
    });
    expect(readStatusLine("not json")).toMatchObject({ kind: "unreadable" });
  });
});
