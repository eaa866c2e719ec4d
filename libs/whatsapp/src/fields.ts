import type { InboundLane } from "@turno/contracts";

/** What an array of a change's value holds. It decides the dedupe key. */
export type ItemKind = "message" | "status" | "echo" | "call" | "call-status" | "error" | "other";

/**
 * The shape of a webhook field (Meta's "webhook fields", WhatsApp Business Account).
 *
 * - `items`: its value holds arrays, and each element is an update of its own.
 * - `whole`: its value is one update, unless it holds one of the arrays.
 * - `standby`: copies of what another responder's thread got; the value's `standby`, or the value itself, holds the arrays.
 */
export interface FieldShape {
  kind: "items" | "whole" | "standby";
  lane: InboundLane;
  arrays: ReadonlyMap<string, ItemKind>;
}

function shape(
  kind: FieldShape["kind"],
  lane: InboundLane,
  arrays: Readonly<Record<string, ItemKind>> = {},
): FieldShape {
  return { kind, lane, arrays: new Map(Object.entries(arrays)) };
}

const account = shape("whole", "account");
const echoes = shape("items", "message", { message_echoes: "echo", errors: "error" });
const groups = shape("whole", "message", { groups: "other", errors: "error" });

const FIELDS = new Map<string, FieldShape>([
  [
    "messages",
    shape("items", "message", { messages: "message", statuses: "status", errors: "error", user_actions: "other" }),
  ],
  [
    "standby",
    shape("standby", "message", {
      messages: "message",
      message_echoes: "echo",
      statuses: "status",
      calls: "call",
      errors: "error",
    }),
  ],
  ["calls", shape("items", "message", { calls: "call", statuses: "call-status", errors: "error" })],
  ["smb_message_echoes", echoes],
  ["message_echoes", echoes],
  ["history", shape("items", "message", { history: "other", messages: "other", errors: "error" })],
  ["user_preferences", shape("items", "message", { user_preferences: "other", errors: "error" })],
  ["user_id_update", shape("items", "message", { user_id_update: "other", errors: "error" })],
  ["smb_app_state_sync", shape("items", "message", { state_sync: "other", errors: "error" })],
  ["messaging_handovers", shape("whole", "message", { messaging_handovers: "other", errors: "error" })],
  ["group_lifecycle_update", groups],
  ["group_participants_update", groups],
  ["group_settings_update", groups],
  ["group_status_update", groups],
  ["account_alerts", account],
  ["account_review_update", account],
  ["account_settings_update", account],
  ["account_update", account],
  ["automatic_events", account],
  ["business_capability_update", account],
  ["business_status_update", account],
  ["business_username_updates", account],
  ["flows", account],
  ["message_template_components_update", account],
  ["message_template_quality_update", account],
  ["message_template_status_update", account],
  ["partner_solutions", account],
  ["payment_configuration_update", account],
  ["phone_number_name_update", account],
  ["phone_number_quality_update", account],
  ["security", account],
  ["template_category_update", account],
  ["template_correct_category_detection", account],
]);

/** Returns the shape of a field, or undefined if it is unknown. */
export function fieldShape(field: string): FieldShape | undefined {
  return FIELDS.get(field);
}
