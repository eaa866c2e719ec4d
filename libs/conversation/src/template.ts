import { refuse, type Refusal } from "./refusal.ts";

/** A template as Meta lists it; `components` in Meta's words. */
export interface Template {
  name: string;
  language: string;
  status: string;
  components: readonly TemplateComponent[];
}

/** When an account's list of templates was read, and since when and why it cannot be read. */
export interface TemplateList {
  readAt: Date | null;
  failedSince: Date | null;
  failure: string | null;
}

export interface TemplateComponent {
  type: string;
  format?: string;
  text?: string;
  buttons?: readonly { type: string; url?: string; text?: string }[];
}

/** The values that a message has for a template's placeholders. */
export interface GivenComponent {
  type: "header" | "body" | "button";
  index?: string | number | undefined;
  sub_type?: string | undefined;
  parameters: readonly Record<string, unknown>[];
}

const USABLE_STATUS = "APPROVED";
const PLACEHOLDER = /\{\{\s*([A-Za-z0-9_]+)\s*\}\}/g;

/**
 * Returns why Meta would refuse a template message, before the call: the template is unknown or not approved, or its
 * parameters do not fit (132000, 132001, 132012, 132015). Source: Meta, Cloud API, "Error codes" and "Template
 * components".
 */
export function refuseTemplate(
  asked: { name: string; language: string },
  template: Template | null,
  given: readonly GivenComponent[],
  list: TemplateList | null,
): Refusal | null {
  const what = `The template "${asked.name}" in "${asked.language}"`;
  if (template === null) return refuseUnknown(what, asked, list);
  const { status } = template;
  if (status !== USABLE_STATUS) {
    return refuse("template-unusable", `${what} is ${status}: Meta sends only approved ones. Choose another.`, {
      status,
    });
  }
  for (const place of placesOf(template)) {
    const found = given.find((component) => fits(component, place));
    const count = found?.parameters.length ?? 0;
    const expected = place.placeholders.length;
    if (count !== expected) {
      const where = place.index === null ? place.type : `${place.type} ${place.index}`;
      return refuse(
        "template-parameters",
        `${what} takes ${expected} parameters in its ${where}; ${count} are given.`,
        {
          component: where,
          expected,
          given: count,
        },
      );
    }
    const missing = namesOf(place).find((name) => !found?.parameters.some((one) => one["parameter_name"] === name));
    if (missing !== undefined) {
      return refuse("template-parameters", `${what} needs the parameter "${missing}" in its ${place.type}.`, {
        component: place.type,
        missing,
      });
    }
  }
  return null;
}

/** Only a list that was read tells that a template does not exist. */
function refuseUnknown(what: string, asked: object, list: TemplateList | null): Refusal {
  if (list !== null && list.failedSince === null) {
    return refuse("template-unknown", `${what} does not exist on this account.`, { ...asked });
  }
  const since = list?.failedSince?.toISOString() ?? null;
  const why = list?.failure ?? "it has not been read yet";
  const message = `${what} is not known, because this account's list could not be read${since === null ? "" : ` since ${since}`}: ${why}. Try again later.`;
  return refuse("templates-unread", message, { ...asked, since, why });
}

/** What Meta calls a template whose messages a customer may stop. */
const MARKETING = "MARKETING";

/** A template that is to go to a customer, and what the customer last said about marketing messages. */
export interface MarketingAsked {
  name: string;
  category: string;
  isStopped: boolean;
  saidAt: Date | null;
}

/**
 * Returns why a template may not go to a customer who wants no marketing messages, or null where it may. Source: Meta, Cloud
 * API, "user_preferences webhook" and error 131050.
 */
export function refuseMarketing({ name, category, isStopped, saidAt }: MarketingAsked): Refusal | null {
  if (!isStopped || category.toUpperCase() !== MARKETING) return null;
  const since = saidAt?.toISOString() ?? null;
  const message = `The customer wants no marketing messages since ${since}, and "${name}" is one. Utility templates may be sent.`;
  return refuse("marketing-stopped", message, { since, allowed: ["utility"] });
}

/** Meta sends codes to phone numbers only. Source: Meta, Cloud API, "Authentication templates", and error 131062. */
export const AUTHENTICATION = "AUTHENTICATION";

/** Returns why a code may not go to a customer whose phone is not known, or is somebody else's by now; null where it may. */
export function refuseWithoutPhone(template: { name: string; category: string }, phone: string | null): Refusal | null {
  if (phone !== null || template.category.toUpperCase() !== AUTHENTICATION) return null;
  const message = `"${template.name}" is an authentication template, which goes to a phone number, and this customer's is not known. Ask the customer for it.`;
  return refuse("phone-needed", message);
}

/** A place where a template takes parameters. */
export interface TemplatePlace {
  type: GivenComponent["type"];
  /** The number of the button; null for header and body. */
  index: number | null;
  /** What its parameters are: `text`, or the medium of a header. */
  format: string;
  /** Numbers or names, in the order of their first use; a medium's format is its own. */
  placeholders: string[];
}

/** Returns the places of a template that take parameters, and header and body even without placeholders. */
export function placesOf(template: Pick<Template, "components">): TemplatePlace[] {
  return template.components.flatMap((component): TemplatePlace[] => {
    const type = component.type.toLowerCase();
    const format = component.format?.toLowerCase() ?? "text";
    if (type === "header" && format !== "text") return [{ type, index: null, format, placeholders: [format] }];
    if (type === "header" || type === "body") {
      return [{ type, index: null, format: "text", placeholders: placeholdersOf(component.text ?? "") }];
    }
    if (type !== "buttons") return [];
    return (component.buttons ?? []).flatMap((button, index): TemplatePlace[] => {
      if (button.type.toUpperCase() !== "URL" || button.url === undefined) return [];
      return [{ type: "button", index, format: "text", placeholders: placeholdersOf(button.url) }];
    });
  });
}

/** Returns the placeholders that a parameter must name, if they have names instead of numbers. */
export function namesOf({ type, format, placeholders }: TemplatePlace): string[] {
  return type === "button" || format !== "text" ? [] : placeholders.filter((name) => !/^\d+$/.test(name));
}

function placeholdersOf(text: string): string[] {
  return [...new Set([...text.matchAll(PLACEHOLDER)].map((match) => match[1] ?? ""))];
}

function fits(given: GivenComponent, place: TemplatePlace): boolean {
  return given.type === place.type && (place.index === null || String(given.index) === String(place.index));
}
