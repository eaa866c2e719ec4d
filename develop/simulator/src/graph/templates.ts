import { type JsonObject } from "../json.ts";
import { type TemplateSend } from "./send-request.ts";
import { refuseCall, type GraphRefusal } from "./refusal.ts";

export type TemplateStatus = "APPROVED" | "PENDING" | "REJECTED" | "PAUSED" | "DISABLED";

/** A message template as `message_templates` lists it. A placeholder is `{{1}}` or `{{name}}`; `id` is a string of digits. */
export interface SimulatedTemplate {
  id: string;
  name: string;
  language: string;
  status: TemplateStatus;
  category: "UTILITY" | "MARKETING" | "AUTHENTICATION";
  components: {
    type: "HEADER" | "BODY" | "FOOTER" | "BUTTONS";
    text?: string;
    format?: string;
    buttons?: JsonObject[];
  }[];
}

/** Templates in two languages and every status, for those who bring none. */
export const sampleTemplates: readonly SimulatedTemplate[] = [
  template(
    "9223372036854775783",
    "retomar_conversa",
    "pt_BR",
    "UTILITY",
    "Oi {{1}}, podemos continuar o atendimento {{2}}?",
  ),
  template(
    "9223372036854775784",
    "retomar_conversacion",
    "es_MX",
    "UTILITY",
    "Hola {{1}}, ¿seguimos con tu consulta {{2}}?",
  ),
  template("9223372036854775785", "resume_conversation", "en_US", "UTILITY", "Hi {{name}}, shall we go on? 👋"),
  template("9223372036854775786", "novedades", "es_MX", "MARKETING", "Tenemos novedades para ti 🎁"),
  template("9223372036854775787", "paused_offer", "en_US", "MARKETING", "An offer", "PAUSED"),
  template("9223372036854775788", "disabled_offer", "en_US", "MARKETING", "An offer", "DISABLED"),
  template("9223372036854775789", "rejected_offer", "en_US", "MARKETING", "An offer", "REJECTED"),
  template("9223372036854775790", "pending_offer", "en_US", "MARKETING", "An offer", "PENDING"),
];

function template(
  id: string,
  name: string,
  language: string,
  category: SimulatedTemplate["category"],
  text: string,
  status: TemplateStatus = "APPROVED",
): SimulatedTemplate {
  return { id, name, language, status, category, components: [{ type: "BODY", text }] };
}

function placeholdersIn(text: string): string[] {
  return [...new Set([...text.matchAll(/\{\{\s*(\w+)\s*\}\}/g)].map((found) => found[1] ?? ""))];
}

/** Checks what is to be sent against the template, as Meta does before it accepts. Gives the template or the refusal. */
export function checkTemplate(
  templates: readonly SimulatedTemplate[],
  send: TemplateSend,
): SimulatedTemplate | GraphRefusal {
  const found = templates.find(({ name, language }) => name === send.name && language === send.language);
  if (found === undefined) return refuseCall(132001, `template name (${send.name}) does not exist in ${send.language}`);
  if (found.status === "PAUSED") return refuseCall(132015);
  if (found.status === "DISABLED") return refuseCall(132016);
  if (found.status !== "APPROVED") return refuseCall(132001, `template name (${send.name}) is not approved`);
  for (const part of ["header", "body"] as const) {
    const text = found.components.find(({ type }) => type.toLowerCase() === part)?.text ?? "";
    const expected = placeholdersIn(text);
    const given = send.parameters[part] ?? [];
    if (given.length !== expected.length) {
      const counts = `number of localizable_params (${given.length}) does not match the expected number of params (${expected.length})`;
      return refuseCall(132000, `${part}: ${counts}`);
    }
    const isNamed = expected.some((name) => !/^\d+$/.test(name));
    if (isNamed && !given.every((name) => name !== null && expected.includes(name))) {
      return refuseCall(132012, `${part}: parameter_name does not match`);
    }
  }
  return found;
}

const cursor = (position: number) => Buffer.from(String(position)).toString("base64url");

/** Whether parameters are told apart by name or by place. */
function parameterFormat({ components }: SimulatedTemplate): string {
  const names = components.flatMap(({ text }) => placeholdersIn(text ?? ""));
  return names.some((name) => !/^\d+$/.test(name)) ? "NAMED" : "POSITIONAL";
}

/** One page of the list, by Graph's cursors. */
export function templatePage(
  templates: readonly SimulatedTemplate[],
  query: URLSearchParams,
  address: string,
): JsonObject {
  const limit = Math.max(1, Math.min(1_000, Number(query.get("limit") ?? 25) || 25));
  const after = query.get("after");
  const start = after === null ? 0 : Number(Buffer.from(after, "base64url").toString()) || 0;
  const wanted = query.get("name");
  const matching = templates.filter(({ name }) => wanted === null || name.includes(wanted));
  const data = matching.slice(start, start + limit);
  const next = new URLSearchParams(query);
  next.set("after", cursor(start + limit));
  return {
    data: data.map((entry) => ({
      ...entry,
      parameter_format: parameterFormat(entry),
      quality_score: { score: "GREEN", date: 1_790_000_000 },
    })),
    paging: {
      cursors: { before: cursor(start), after: cursor(start + data.length) },
      next: start + limit < matching.length ? `${address}?${next.toString()}` : undefined,
    },
  };
}
