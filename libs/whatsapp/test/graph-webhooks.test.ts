import { describe, expect, it } from "vitest";
import { parseExactJson, readStatus, readTemplateChange } from "../src/index.ts";
import type { InboundUpdate } from "@turno/contracts";

const line = (field: string, json: string): InboundUpdate => ({
  key: "k",
  field,
  accountId: "100",
  metadata: null,
  contacts: [],
  update: parseExactJson(json),
  receivedAt: "2026-11-22T10:00:00.000Z",
});

const about = (more: string) =>
  `{"message_template_id":9223372036854775783,"message_template_name":"hola","message_template_language":"en-US"${more}}`;

describe("a delivery status", () => {
  it("tells the message, the instant, what we gave with it, its price and why it failed", () => {
    const json = `{"id":"wamid.A","status":"failed","timestamp":"1790000000","biz_opaque_callback_data":"send-1",
      "pricing":{"category":"service"},"errors":[{"code":131047,"title":"Re-engagement message"}]}`;
    expect(readStatus(line("messages", json))).toEqual({
      wamid: "wamid.A",
      type: "message",
      status: "failed",
      at: new Date(1_790_000_000_000),
      callbackData: "send-1",
      pricing: { category: "service" },
      error: { code: 131047, details: "Re-engagement message", class: "C" },
    });
  });

  it.each([
    [`{"status":"sent","timestamp":"1"}`, "id"],
    [`{"id":"wamid.A","timestamp":"1"}`, "status"],
    [`{"id":"wamid.A","status":"sent","timestamp":"soon"}`, "timestamp"],
    [`[]`, "messages"],
  ])("says what it lacks: %s", (json, member) => {
    expect(readStatus(line("messages", json))).toEqual({ cause: expect.stringContaining(`${member}:`) as string });
  });
});

describe("a change of a template", () => {
  it("keeps an id beyond 2^53 and writes the language as a send must name it", () => {
    const change = readTemplateChange(line("message_template_status_update", about(`,"event":"PAUSED"`)));
    expect(change).toMatchObject({ templateId: "9223372036854775783", language: "en_US", status: "PAUSED" });
  });

  it("counts a reinstated template as approved", () => {
    const change = readTemplateChange(line("message_template_status_update", about(`,"event":"REINSTATED"`)));
    expect(change?.status).toBe("APPROVED");
  });

  it("tells quality and category, and leaves alone what is only announced or about something else", () => {
    const quality = line("message_template_quality_update", about(`,"new_quality_score":"RED"`));
    expect(readTemplateChange(quality)?.quality).toBe("RED");
    const done = line("template_category_update", about(`,"new_category":"MARKETING"`));
    expect(readTemplateChange(done)?.category).toBe("MARKETING");
    const announced = line("template_category_update", about(`,"correct_category":"MARKETING"`));
    expect(readTemplateChange(announced)).toBeNull();
    expect(readTemplateChange(line("account_alerts", `{"entity_type":"BUSINESS"}`))).toBeNull();
  });
});
