import { z } from "zod";
import { ACCESS, COMMAND_VERBS, NATS_USERS, type Access, type NatsUser } from "./access.ts";
import { COMMANDS, KEY_HEADER, type CommandVerb } from "./commands.ts";
import { EVENTS, envelopeSchema } from "./events.ts";
import { INBOUND_HEADERS, inboundUpdateSchema, PARTITION_COUNT } from "./inbound.ts";
import { natsRightsOf } from "./nats-permissions.ts";
import { commandSubject, INBOUND_LANES, inboundPartsSubject, inboundSubject } from "./subjects.ts";

type JsonSchema = {
  type?: string | string[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  enum?: string[];
  const?: unknown;
  format?: string;
  description?: string;
};

const schemaOf = (schema: z.ZodType): JsonSchema =>
  z.toJSONSchema(schema, { unrepresentable: "any", io: "input" }) as JsonSchema;

/** Writes `docs/events.md`: every subject, event and command that other teams may depend on. */
export function writeEventsDocument(): string {
  const lanes = INBOUND_LANES.map((lane) => `- \`${inboundSubject(lane, "<shard>")}\``).join("\n");
  const events = Object.entries(EVENTS).map(
    ([type, event]) =>
      `### ${type} (version ${event.version})\n\n${event.summary}\n\n` +
      `Subject: \`turno.v1.event.${type}.<phoneNumberId>.<entityId>\`\n\n${fieldTable(schemaOf(event.data))}`,
  );
  const commands = Object.entries(COMMANDS).map(
    ([verb, command]) =>
      `### ${verb}\n\n${command.summary} Answered by \`${command.service}\` on \`${commandSubject(verb, "<user>")}\`.\n\n` +
      `Request\n\n${fieldTable(schemaOf(command.request))}\nAnswer\n\n${fieldTable(schemaOf(command.answer))}`,
  );
  return `${[
    "# Events and commands",
    "This page is generated from `libs/contracts`. Do not edit it: run `npm run docs`.",
    "## Inbound log",
    `The stream \`INBOUND\` holds what Meta sent, one record for many updates, as JSON Lines. The headers \`${INBOUND_HEADERS.format}\`, ` +
      `\`${INBOUND_HEADERS.lines}\` and \`${INBOUND_HEADERS.partitions}\` give the format, the number of lines and the partition ` +
      `(0 to ${PARTITION_COUNT - 1}) of each line. A line that is larger than the broker takes in one message begins in ` +
      `\`${inboundPartsSubject("<shard>")}\`; the record that ends it has format 2 and names the sequences of its parts in ` +
      `\`${INBOUND_HEADERS.parts}\`.\n\n${lanes}`,
    `Each line\n\n${fieldTable(schemaOf(inboundUpdateSchema))}`,
    "## Events",
    "The stream `EVENTS` holds one message an event, at least once, in order per entity. The header `Nats-Msg-Id` is the event's id; " +
      "CloudEvents attributes are `ce-` headers (binary mode). Drop a repetition by `id`, and order by `sequence`.",
    `Envelope\n\n${fieldTable(schemaOf(envelopeSchema))}`,
    "### Timelines",
    "The envelope's `timeline` (header `ce-turnotimeline`) names the course of history that the database was on. It changes only when the " +
      "database was restored to an older copy, or another server was promoted. Events of the abandoned timeline may tell of what " +
      "is not in the database any more. What lay in `INBOUND` takes effect again, so sequences that were used come again, with " +
      "another `id` and perhaps other content; what people and programs did in between does not come again.",
    "A consumer that keeps the last `sequence` of an entity keeps its `timeline` beside it. When an event of another timeline comes, " +
      "its sequence counts, also where it is not greater: what the consumer knows of that entity from this sequence on, or from " +
      "events of the abandoned timeline later than it, is replaced by what comes now. A message has the same `wamid` on every " +
      "timeline. Events of the abandoned timeline come no more once the first one of the new timeline has come.",
    ...events,
    "## Commands",
    "Request and reply. The subject ends with the broker's user that sends it, which the broker holds it to. Its reply subject " +
      "must lie below `_R.<user>`: a command that asks for an answer elsewhere is left out. A program asks for itself: its " +
      'command\'s `actor` is `{kind: "service", name: <user>}`; who may ask for others is said under Access. It acts in the groups that an admin names ' +
      "for it with `configure` (`programs`), which are none at first: elsewhere it is refused (`not-permitted`). The reply is " +
      "`{ok: true, …answer}`, or `{refusal: {code, message, details}}` where a rule said no.",
    `Every command takes a key of the caller's own in the header \`${KEY_HEADER}\`, such as a UUID. Who got no answer sends the same ` +
      "command again under the same key, and gets the first answer: nothing is done twice. Another command of the same verb under " +
      "the key is refused (`key-reused`), and so is a repetition while the first is being done (`key-under-way`).",
    ...commands,
    "## Access",
    "Who may do what on NATS. Each program connects as a user, and the broker refuses whatever is not listed here " +
      "(`deploy/nats/nats-permissions.conf` is made from the same table, and a test tries it all as each user). A user's replies " +
      "come in below `_R.<user>`: set that as the client's inbox prefix. A follower may subscribe to events as they happen, " +
      "and read `EVENTS` by the durable consumer of its own name, which the provisioner makes.",
    accessTable(),
    "Which service answers a command, and who may send it:",
    commandTable(),
    "What each user may do, by which subjects. In a subject `*` stands for one token and `>` for all that follow.",
    ...NATS_USERS.map(rightsTable),
  ].join("\n\n")}\n`.replaceAll(/\n{3,}/g, "\n\n");
}

/** Writes the AsyncAPI 3.0 document of the events and commands. */
export function writeAsyncApiDocument(): string {
  const channels: Record<string, unknown> = {};
  const operations: Record<string, unknown> = {};
  for (const [type, event] of Object.entries(EVENTS)) {
    const envelope = { ...schemaOf(envelopeSchema) };
    const payload = { ...envelope, properties: { ...envelope.properties, data: schemaOf(event.data) } };
    channels[type] = {
      address: `turno.v1.event.${type}.{phoneNumberId}.{entityId}`,
      parameters: { phoneNumberId: {}, entityId: {} },
      messages: { [type]: { summary: event.summary, contentType: "application/json", payload } },
    };
    operations[`publish ${type}`] = { action: "send", channel: { $ref: `#/channels/${type}` } };
  }
  for (const [verb, command] of Object.entries(COMMANDS)) {
    const messages = {
      request: { contentType: "application/json", payload: schemaOf(command.request) },
      answer: { contentType: "application/json", payload: schemaOf(command.answer) },
    };
    channels[verb] = { address: commandSubject(verb, "{user}"), parameters: { user: {} }, messages };
    operations[`answer ${verb}`] = {
      action: "receive",
      summary: command.summary,
      channel: { $ref: `#/channels/${verb}` },
    };
  }
  const document = { asyncapi: "3.0.0", info: { title: "Turno", version: "1" }, channels, operations };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function accessTable(): string {
  const rows = NATS_USERS.map((user) => {
    const { summary, speaksFor, actsEverywhere }: Access = ACCESS[user];
    const acts = actsEverywhere ? "every group" : "the groups that are configured for it";
    return `| \`${user}\` | ${summary} | ${speaksFor.map((kind) => `${kind}s`).join(", ")} | ${acts} |`;
  });
  return `| user | | asks also for | acts in |\n|---|---|---|---|\n${rows.join("\n")}`;
}

function rightsTable(user: NatsUser): string {
  const rows = natsRightsOf(user).map(({ words, operation, subjects, queue }) => {
    const how = `${operation}${queue === null ? "" : ` as queue group \`${queue}\``}`;
    return `| ${words} | ${how} | ${subjects.map((subject) => `\`${subject}\``).join(", ")} |`;
  });
  return `### User ${user}\n\n| it may | how | subjects |\n|---|---|---|\n${rows.join("\n")}`;
}

function sendersOf(verb: CommandVerb): NatsUser[] {
  return NATS_USERS.filter((user) => (ACCESS[user] as Access).sends.includes(verb));
}

function commandTable(): string {
  const rows = COMMAND_VERBS.map((verb) => {
    const senders = sendersOf(verb).map((user) => `\`${user}\``);
    return `| \`${verb}\` | \`${COMMANDS[verb].service}\` | ${senders.join(", ")} |`;
  });
  return `| command | answered by | may be sent by |\n|---|---|---|\n${rows.join("\n")}`;
}

function fieldTable(schema: JsonSchema): string {
  const rows = fieldRows(schema, "");
  if (rows.length === 0) return "(none)\n";
  return `| field | type | |\n|---|---|---|\n${rows.join("\n")}\n`;
}

function fieldRows(schema: JsonSchema, prefix: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    const isOptional = !(schema.required ?? []).includes(name);
    const row = `| \`${path}\`${isOptional ? " (optional)" : ""} | ${typeOf(field)} | ${field.description ?? ""} |`;
    const inner = field.type === "array" ? field.items : field;
    return [row, ...(inner === undefined ? [] : fieldRows(inner, `${path}${field.type === "array" ? "[]" : ""}.`))];
  });
}

function typeOf(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(" or ");
  if (schema.const !== undefined)
    return `\`${typeof schema.const === "string" ? schema.const : JSON.stringify(schema.const)}\``;
  const options = schema.anyOf ?? schema.oneOf;
  if (options !== undefined) return options.map(typeOf).join(" or ");
  if (schema.type === "array") return `list of ${schema.items === undefined ? "anything" : typeOf(schema.items)}`;
  if (schema.type === "object" && schema.properties !== undefined)
    return `{${Object.keys(schema.properties).join(", ")}}`;
  if (Array.isArray(schema.type)) return schema.type.join(" or ");
  return schema.format ?? schema.type ?? "anything";
}
