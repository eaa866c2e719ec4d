import { sayMedia } from "./say-content.ts";
import { valueAt, join, listAt, textAt } from "./fields.ts";

/**
 * Says what an interactive message of the business shows: header, text, footer, and each button or row by its name.
 * Source: Meta, Cloud API, "Interactive messages".
 */
export function sayInteractive(content: unknown): string {
  const kind = textAt(content, "type");
  const header = valueAt(content, "header");
  const shown = join(
    [
      textAt(header, "text") ?? sayHeaderMedia(header),
      textAt(content, "body", "text"),
      textAt(content, "footer", "text"),
      ...sayChoices(valueAt(content, "action")),
    ],
    "\n",
  );
  return shown ?? `[${kind ?? "interactive"}]`;
}

function sayHeaderMedia(header: unknown): string | null {
  const kind = textAt(header, "type");
  return kind === null ? null : sayMedia(kind, valueAt(header, kind));
}

function sayChoices(action: unknown): string[] {
  const buttons = listAt(action, "buttons").map((button) => textAt(button, "reply", "title"));
  const rows = listAt(action, "sections").flatMap((section) =>
    listAt(section, "rows").map((row) => join([textAt(row, "title"), textAt(row, "description")], ": ")),
  );
  const items = listAt(action, "sections").flatMap((section) =>
    listAt(section, "product_items").map((item) => textAt(item, "product_retailer_id")),
  );
  const parameters = valueAt(action, "parameters");
  const link = join([textAt(parameters, "display_text"), textAt(parameters, "url")], " ");
  const choices = [
    ...buttons,
    ...rows,
    ...items,
    textAt(action, "product_retailer_id"),
    textAt(parameters, "flow_cta"),
    link,
  ];
  return choices.filter((choice) => choice !== null).map((choice) => `[${choice}]`);
}
