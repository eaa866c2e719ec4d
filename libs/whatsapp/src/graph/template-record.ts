import { isRecord, plainId } from "../exact-json.ts";

/** A message template as Meta lists it. `templateId` is digits as text: ids go beyond 2^53. */
export interface TemplateRecord {
  templateId: string;
  name: string;
  language: string;
  /** Open sets, upper case, like `APPROVED` and `UTILITY`. */
  status: string;
  category: string;
  quality: string | null;
  components: unknown;
}

/** Meta writes `en-US` in some webhooks and `en_US` elsewhere; the latter is what a send must name. */
export function normaliseLanguage(language: string): string {
  return language.replaceAll("-", "_");
}

/** Returns an id that came as text or as a number of any size. */
export function templateIdOf(value: unknown): string | null {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return /^\d{1,40}$/.test(text) ? text : null;
}

/** Reads one entry of the list; null for one that cannot be sent because it lacks what names it. */
export function toTemplateRecord(entry: unknown): TemplateRecord | null {
  if (!isRecord(entry)) return null;
  const templateId = templateIdOf(entry["id"]);
  const name = plainId(entry["name"]);
  const language = plainId(entry["language"], 32);
  const status = plainId(entry["status"], 64);
  if (templateId === null || name === null || language === null || status === null) return null;
  const quality = entry["quality_score"];
  return {
    templateId,
    name,
    language: normaliseLanguage(language),
    status,
    category: plainId(entry["category"], 64) ?? "UNKNOWN",
    quality: isRecord(quality) ? plainId(quality["score"], 64) : null,
    components: Array.isArray(entry["components"]) ? entry["components"] : [],
  };
}
