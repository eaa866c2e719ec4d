import { isRecord } from "../exact-json.ts";
import { valueAt, join, label, textAt } from "./fields.ts";

/** Says what a customer answered to an interactive message; null where the content is no answer. */
export function sayAnswers(content: unknown): string | null {
  switch (textAt(content, "type")) {
    case "button_reply":
      return label("button", textAt(content, "button_reply", "title"));
    case "list_reply":
      return label(
        "list",
        join([textAt(content, "list_reply", "title"), textAt(content, "list_reply", "description")], ": "),
      );
    case "nfm_reply":
      return sayForm(valueAt(content, "nfm_reply"));
    case "call_permission_reply":
      return label("call permission", sayPermission(valueAt(content, "call_permission_reply")));
    case "product":
      // A business's product list has the same type and sections beside it.
      return valueAt(content, "product") === undefined
        ? null
        : label("product", textAt(content, "product", "product_retailer_id"));
    default:
      return null;
  }
}

function sayPermission(reply: unknown): string | null {
  const isForGood = valueAt(reply, "is_permanent") === true;
  const until = Number(textAt(reply, "expiration_timestamp") ?? Number.NaN) * 1_000;
  const end = isForGood || !(Math.abs(until) <= 8.64e15) ? null : `until ${new Date(until).toISOString()}`;
  return join([textAt(reply, "response"), isForGood ? "for good" : end], ", ");
}

/**
 * The fields of a filled-in form, a line each. Without the token by which the form was sent: it proves who may fill it in.
 * Source: Meta, Flows, "Response message webhook".
 */
function sayForm(reply: unknown): string {
  const what = textAt(reply, "name") === "address_message" ? "address" : "form";
  const response = textAt(reply, "response_json");
  if (response === null) return label(what, textAt(reply, "body"));
  let fields: unknown;
  try {
    fields = JSON.parse(response);
  } catch {
    // The customer said something all the same.
    return label(what, response);
  }
  const shown = what === "address" && isRecord(valueAt(fields, "values")) ? valueAt(fields, "values") : fields;
  const said = sayFields(shown, "");
  const more = said.length > FIELDS_MAX ? ["…"] : [];
  return label(what, join([...said.slice(0, FIELDS_MAX), ...more], "\n"));
}

const TOKEN = "flow_token";

/**
 * A form has two levels or three, some dozens of fields, and names of some words. What somebody sends beyond that is not for
 * people, and would be long: each field is said with the names of all that it stands in.
 */
const DEPTH_MAX = 8;
const FIELDS_MAX = 200;
const PATH_LENGTH_MAX = 100;

function sayFields(value: unknown, path: string, depth = 0): string[] {
  if (depth > DEPTH_MAX) return [sayField(path, "…")];
  if (Array.isArray(value) && value.every((one) => typeof one !== "object" || one === null)) {
    return value.length === 0 ? [] : [sayField(path, value.map(sayValue).join(", "))];
  }
  if (typeof value !== "object" || value === null) return [sayField(path, sayValue(value))];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === TOKEN ? [] : sayFields(inner, cut(path === "" ? name : `${path}.${name}`), depth + 1),
  );
}

const cut = (path: string) => (path.length > PATH_LENGTH_MAX ? `${path.slice(0, PATH_LENGTH_MAX)}…` : path);
const sayField = (path: string, said: string) => (path === "" ? said : `${path}: ${said}`);
const sayValue = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
