import { toStorableText } from "./storable-text.ts";
import type { GivenComponent, Template, TemplateComponent } from "./template.ts";

const PLACEHOLDER = /\{\{\s*([A-Za-z0-9_]+)\s*\}\}/g;

/**
 * Returns a template's text as the customer reads it: header, body and footer with their values, and each button by its
 * name. A value is text and nothing else: placeholders in it stay as they are. Source: Meta, Cloud API, "Template
 * components" and "Template messages".
 */
export function writeTemplateText(
  { components }: Pick<Template, "components">,
  given: readonly GivenComponent[],
): string {
  const lines = components.map((component) => writeComponent(component, given)).filter((line) => line !== null);
  return toStorableText(lines.join("\n"));
}

function writeComponent(component: TemplateComponent, given: readonly GivenComponent[]): string | null {
  const type = component.type.toLowerCase();
  const values = given.find((one) => one.type === type)?.parameters ?? [];
  const format = component.format?.toLowerCase() ?? "text";
  if (type === "header" && format !== "text") return writeMedium(format, values[0]);
  if (type === "buttons") return writeButtons(component, given);
  return component.text === undefined ? null : fill(component.text, values);
}

/** A header's picture, video, document or place: by its name or link, where the message has one. */
function writeMedium(format: string, value: Readonly<Record<string, unknown>> | undefined): string {
  const medium = value?.[format] as Record<string, unknown> | undefined;
  const said = [medium?.["filename"], medium?.["name"], medium?.["link"]].find((one) => typeof one === "string");
  return said === undefined ? `[${format}]` : `[${format}] ${said}`;
}

function writeButtons({ buttons = [] }: TemplateComponent, given: readonly GivenComponent[]): string | null {
  const lines = buttons.map(({ text, type, url }, index) => {
    const values = given.find((one) => one.type === "button" && String(one.index) === String(index))?.parameters ?? [];
    const name = text ?? type.toLowerCase().replaceAll("_", " ");
    return url === undefined ? `[${name}]` : `[${name}] ${fill(url, values)}`;
  });
  return lines.length === 0 ? null : lines.join("\n");
}

/** Fills the placeholders by name, or by their number from 1. One without a value stays. */
function fill(text: string, values: readonly Readonly<Record<string, unknown>>[]): string {
  return text.replaceAll(PLACEHOLDER, (placeholder, name: string) => {
    const named = values.find((value) => value["parameter_name"] === name);
    return sayValue(named ?? values[Number(name) - 1]) ?? placeholder;
  });
}

function sayValue(value: Readonly<Record<string, unknown>> | undefined): string | null {
  if (value === undefined) return null;
  // Amounts and dates bring the words to be shown where they cannot be written in the customer's way.
  const words = [
    value["text"],
    (value["currency"] as Record<string, unknown> | undefined)?.["fallback_value"],
    (value["date_time"] as Record<string, unknown> | undefined)?.["fallback_value"],
    value["payload"],
    value["coupon_code"],
  ].find((one) => typeof one === "string");
  return words === undefined ? null : words;
}
