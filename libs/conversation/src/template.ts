import { refuse, type Refusal } from "./refusal.ts";

/** A template as Meta lists it; `components` in Meta's words. */
export interface Template {
  name: string;
  language: string;
  status: string;
  components: readonly TemplateComponent[];
}

export interface TemplateComponent {
  type: string;
  format?: string;
  text?: string;
  buttons?: readonly { type: string; url?: string; text?: string }[];
}

/** What a message gives for a template's placeholders. */
export interface GivenComponent {
  type: "header" | "body" | "button";
  index?: string | number | undefined;
  sub_type?: string | undefined;
  parameters: readonly Record<string, unknown>[];
}

const USABLE_STATUS = "APPROVED";
const PLACEHOLDER = /\{\{\s*([A-Za-z0-9_]+)\s*\}\}/g;

/**
 * Why Meta would refuse a template message, found before the call: it is unknown, not approved, or its parameters do not
 * fit (132000, 132001, 132012, 132015). Source: Meta, Cloud API, "Error codes" and "Template components".
 */
export function refuseTemplate(
  asked: { name: string; language: string },
  template: Template | null,
  given: readonly GivenComponent[],
): Refusal | null {
  const what = `The template "${asked.name}" in "${asked.language}"`;
  if (template === null) return refuse("template-unknown", `${what} does not exist on this account.`, { ...asked });
  const { status } = template;
  if (status !== USABLE_STATUS) {
    return refuse("template-unusable", `${what} is ${status}: Meta sends only approved ones. Choose another.`, {
      status,
    });
  }
  for (const expected of expectations(template)) {
    const found = given.find((component) => fits(component, expected));
    const count = found?.parameters.length ?? 0;
    if (count !== expected.count) {
      const where = expected.index === null ? expected.type : `${expected.type} ${expected.index}`;
      return refuse(
        "template-parameters",
        `${what} takes ${expected.count} parameters in its ${where}; ${count} are given.`,
        {
          component: where,
          expected: expected.count,
          given: count,
        },
      );
    }
    const missing = expected.names.find((name) => !found?.parameters.some((one) => one["parameter_name"] === name));
    if (missing !== undefined) {
      return refuse("template-parameters", `${what} needs the parameter "${missing}" in its ${expected.type}.`, {
        component: expected.type,
        missing,
      });
    }
  }
  return null;
}

interface Expectation {
  type: GivenComponent["type"];
  index: number | null;
  count: number;
  /** Where placeholders have names instead of numbers. */
  names: string[];
}

function expectations(template: Template): Expectation[] {
  return template.components.flatMap((component): Expectation[] => {
    const type = component.type.toLowerCase();
    if (type === "header" && component.format !== undefined && component.format.toUpperCase() !== "TEXT") {
      return [{ type: "header", index: null, count: 1, names: [] }];
    }
    if (type === "header" || type === "body") return [{ type, index: null, ...placeholders(component.text ?? "") }];
    if (type !== "buttons") return [];
    return (component.buttons ?? []).flatMap((button, index): Expectation[] => {
      if (button.type.toUpperCase() !== "URL" || button.url === undefined) return [];
      return [{ type: "button", index, count: placeholders(button.url).count, names: [] }];
    });
  });
}

function placeholders(text: string): { count: number; names: string[] } {
  const found = new Set([...text.matchAll(PLACEHOLDER)].map((match) => match[1] ?? ""));
  return { count: found.size, names: [...found].filter((name) => !/^\d+$/.test(name)) };
}

function fits(given: GivenComponent, expected: Expectation): boolean {
  return given.type === expected.type && (expected.index === null || String(given.index) === String(expected.index));
}
