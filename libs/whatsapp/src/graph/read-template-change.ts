import type { InboundUpdate } from "@turno/contracts";
import { isRecord, plainId, type JsonRecord } from "../exact-json.ts";
import { normaliseLanguage, templateIdOf } from "./template-record.ts";

/** What an account webhook says about one template; only what changed is set. */
export interface TemplateChange {
  accountId: string;
  templateId: string;
  name: string;
  language: string;
  receivedAt: Date;
  status?: string;
  quality?: string;
  category?: string;
  /** Its components changed in a way that only the list shows in full. */
  isRewritten?: boolean;
}

/** Meta's events and the status that the list shows after them, where the two differ. Source: Meta, "message_template_status_update". */
const STATUS_AFTER = new Map([
  ["REINSTATED", "APPROVED"],
  ["UNARCHIVED", "APPROVED"],
  ["FLAGGED", "APPROVED"],
]);

/** Reads an update of the account lane; null for one that is about no template. */
export function readTemplateChange(line: InboundUpdate): TemplateChange | null {
  const { update, accountId } = line;
  if (!isRecord(update) || accountId === null) return null;
  const templateId = templateIdOf(update["message_template_id"]);
  const name = plainId(update["message_template_name"]);
  const language = plainId(update["message_template_language"], 32);
  if (templateId === null || name === null || language === null) return null;
  const change = changeOf(line.field, update);
  if (change === null) return null;
  const receivedAt = new Date(line.receivedAt);
  return { accountId, templateId, name, language: normaliseLanguage(language), receivedAt, ...change };
}

function changeOf(field: string, update: JsonRecord): Partial<TemplateChange> | null {
  switch (field) {
    case "message_template_status_update": {
      const event = plainId(update["event"], 64);
      return event === null ? null : { status: STATUS_AFTER.get(event) ?? event };
    }
    case "message_template_quality_update": {
      const quality = plainId(update["new_quality_score"], 64);
      return quality === null ? null : { quality };
    }
    case "message_template_components_update":
      return { isRewritten: true };
    case "template_category_update": {
      // Without `new_category` it only announces a change that comes a day later.
      const category = plainId(update["new_category"], 64);
      return category === null ? null : { category };
    }
    default:
      return null;
  }
}
