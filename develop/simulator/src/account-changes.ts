import { bareNumber, type JsonObject } from "./json.ts";
import { toSeconds } from "./message.ts";

/** Beyond 2^53, as Meta's template ids are: a reader that parses it as a number changes it. */
const templateId = bareNumber("9223372036854775783");
const restrictionEndsAt = Date.UTC(2027, 0, 1) / 1_000;

/** What a template's new status looks like; `id` is a string of digits, a bare number in the webhook. */
export function templateStatusValue(id: string, name: string, language: string, event: string): JsonObject {
  return {
    event,
    message_template_id: bareNumber(id),
    message_template_name: name,
    message_template_language: language,
    reason: "NONE",
  };
}

/**
 * The value of a change of each field about accounts, numbers, templates and groups, several for fields whose event decides the
 * shape. By Meta's webhook reference; `atMs` is the instant of the event.
 */
export const accountChanges: readonly { field: string; value: (atMs: number) => JsonObject }[] = [
  {
    field: "account_alerts",
    value: () => ({
      entity_type: "PHONE_NUMBER",
      entity_id: "200",
      alert_info: {
        alert_severity: "CRITICAL",
        alert_status: "ACTIVE",
        alert_type: "OBA_APPROVED",
        alert_description: "Revise a sua conta / check",
      },
    }),
  },
  { field: "account_review_update", value: () => ({ decision: "APPROVED" }) },
  {
    field: "account_update",
    value: () => ({
      event: "ACCOUNT_RESTRICTION",
      restriction_info: [{ restriction_type: "RESTRICTED_BIZ_INITIATED_MESSAGING", expiration: restrictionEndsAt }],
    }),
  },
  {
    field: "account_update",
    value: () => ({
      event: "DISABLED_UPDATE",
      ban_info: { waba_ban_state: "SCHEDULE_FOR_DISABLE", waba_ban_date: "x" },
    }),
  },
  {
    field: "account_update",
    value: () => ({
      event: "PARTNER_ADDED",
      waba_info: { waba_id: "100", owner_business_id: "300" },
    }),
  },
  {
    field: "automatic_events",
    value: (atMs) => ({
      messaging_product: "whatsapp",
      automatic_events: [{ id: "wamid.auto", event_name: "Purchase", timestamp: toSeconds(atMs), ctwa_clid: "clid" }],
    }),
  },
  {
    field: "business_capability_update",
    value: () => ({ max_daily_conversations_per_business: "TIER_UNLIMITED", max_phone_numbers_per_business: 25 }),
  },
  {
    field: "business_username_updates",
    value: () => ({ display_phone_number: "15550001111", username: "turno_demo", status: "approved" }),
  },
  {
    field: "message_template_status_update",
    value: () => ({
      ...templateStatusValue("9223372036854775783", "recordatorio_turno", "es_MX", "PAUSED"),
      other_info: { title: "FIRST_PAUSE", description: "Low quality for 3 hours" },
    }),
  },
  {
    field: "message_template_quality_update",
    value: () => ({
      previous_quality_score: "GREEN",
      new_quality_score: "YELLOW",
      message_template_id: templateId,
      message_template_name: "recordatorio_turno",
      message_template_language: "pt-BR",
    }),
  },
  {
    field: "message_template_components_update",
    value: () => ({
      message_template_id: templateId,
      message_template_name: "recordatorio_turno",
      message_template_language: "es_MX",
      message_template_element: "Hola {{1}}, ¿retomamos tu consulta?",
    }),
  },
  {
    field: "template_category_update",
    value: () => ({
      message_template_id: templateId,
      message_template_name: "recordatorio_turno",
      message_template_language: "es_MX",
      previous_category: "UTILITY",
      new_category: "MARKETING",
    }),
  },
  {
    field: "template_correct_category_detection",
    value: () => ({ message_template_id: templateId, category: "UTILITY", correct_category: "MARKETING" }),
  },
  {
    field: "phone_number_quality_update",
    value: () => ({
      display_phone_number: "15550001111",
      event: "THROUGHPUT_UPGRADE",
      current_limit: "TIER_UNLIMITED",
      max_daily_conversations_per_business: "TIER_UNLIMITED",
    }),
  },
  {
    field: "phone_number_name_update",
    value: () => ({
      display_phone_number: "15550001111",
      decision: "REJECTED",
      requested_verified_name: "Clínica Señorial",
      rejection_reason: "NAME_NOT_CONSISTENT",
    }),
  },
  {
    field: "security",
    value: () => ({ display_phone_number: "15550001111", event: "PIN_RESET_REQUEST", requester: "61555822107539" }),
  },
  {
    field: "flows",
    value: () => ({ event: "ENDPOINT_ERROR_RATE", message: "…", flow_id: "444", error_rate: 14.28, threshold: 10 }),
  },
  { field: "account_settings_update", value: () => ({ type: "phone_number_settings", settings: { calling: {} } }) },
  {
    field: "partner_solutions",
    value: () => ({ event: "SOLUTION_CREATED", solution_id: "8", solution_status: "DRAFT" }),
  },
  {
    field: "payment_configuration_update",
    value: () => ({ configuration_name: "turno-pagos", provider_name: "upi", status: "Active" }),
  },
];
