import { z } from "zod";

const text = (lengthMax: number) => z.string().min(1).max(lengthMax);
const link = z.url({ protocol: /^https?$/ }).max(2048);
const medium = z.looseObject({ link });

const header = z.discriminatedUnion("type", [
  z.looseObject({ type: z.literal("text"), text: text(60) }),
  z.looseObject({ type: z.literal("image"), image: medium }),
  z.looseObject({ type: z.literal("video"), video: medium }),
  z.looseObject({ type: z.literal("document"), document: medium }),
]);
const footer = z.looseObject({ text: text(60) });
const body = z.looseObject({ text: text(1024) });
const said = { header: header.optional(), body, footer: footer.optional() };

const areUnique = (values: readonly string[]) => new Set(values).size === values.length;

const buttons = z
  .array(z.looseObject({ type: z.literal("reply"), reply: z.looseObject({ id: text(256), title: text(20) }) }))
  .min(1)
  .max(3)
  .refine((all) => areUnique(all.map(({ reply }) => reply.id)), "must have an id each of its own")
  .refine((all) => areUnique(all.map(({ reply }) => reply.title)), "must have a title each of its own");

const ROWS_MAX = 10;
const row = z.looseObject({ id: text(200), title: text(24), description: z.string().max(72).optional() });
const listSections = z
  .array(z.looseObject({ title: z.string().max(24).optional(), rows: z.array(row).min(1).max(ROWS_MAX) }))
  .min(1)
  .max(10)
  .refine((all) => all.flatMap(({ rows }) => rows).length <= ROWS_MAX, `must have at most ${ROWS_MAX} rows in all`)
  .refine((all) => all.length === 1 || all.every(({ title = "" }) => title !== ""), "must each have a title")
  .refine(
    (all) => areUnique(all.flatMap(({ rows }) => rows.map(({ id }) => id))),
    "must have rows with an id each of its own",
  );

const PRODUCTS_MAX = 30;
const productSections = z
  .array(
    z.looseObject({
      title: z.string().max(24).optional(),
      product_items: z.array(z.looseObject({ product_retailer_id: text(200) })).min(1),
    }),
  )
  .min(1)
  .max(10)
  .refine(
    (all) => all.flatMap(({ product_items: items }) => items).length <= PRODUCTS_MAX,
    `must have at most ${PRODUCTS_MAX} products in all`,
  );

const flowParameters = z
  .looseObject({
    flow_message_version: z.literal("3"),
    flow_cta: text(30),
    flow_id: text(200).optional(),
    flow_name: text(200).optional(),
  })
  .refine(
    ({ flow_id: id, flow_name: name }) => (id === undefined) !== (name === undefined),
    "must have either flow_id or flow_name",
  );

/** An action that Meta knows by its name, with what else it takes. */
const named = (name: string) => z.looseObject({ name: z.literal(name), parameters: z.looseObject({}).optional() });
const namedWith = (name: string) => z.looseObject({ name: z.literal(name), parameters: z.looseObject({}) });

const kind = <T extends string, A extends z.ZodType>(type: T, action: A) =>
  z.looseObject({ type: z.literal(type), ...said, action });

/**
 * Meta's interactive object, as it is, by its kind. What the kind needs and Meta's limits are checked; other members pass.
 * Source: Meta, Cloud API, "Interactive messages" and the pages of each kind.
 */
export const interactiveSchema = z.discriminatedUnion("type", [
  kind("button", z.looseObject({ buttons })),
  z.looseObject({
    ...said,
    type: z.literal("list"),
    body: z.looseObject({ text: text(4096) }),
    action: z.looseObject({ button: text(20), sections: listSections }),
  }),
  kind(
    "cta_url",
    z.looseObject({
      name: z.literal("cta_url"),
      parameters: z.looseObject({ display_text: text(20), url: link }),
    }),
  ),
  kind("flow", z.looseObject({ name: z.literal("flow"), parameters: flowParameters })),
  z.looseObject({
    type: z.literal("product"),
    body: body.optional(),
    footer: footer.optional(),
    action: z.looseObject({ catalog_id: text(200), product_retailer_id: text(200) }),
  }),
  z.looseObject({
    ...said,
    type: z.literal("product_list"),
    header: z.looseObject({ type: z.literal("text"), text: text(60) }),
    action: z.looseObject({ catalog_id: text(200), sections: productSections }),
  }),
  kind("catalog_message", named("catalog_message")),
  kind("location_request_message", named("send_location")),
  kind("address_message", namedWith("address_message")),
  kind("request_contact_info", named("request_contact_info")),
  kind("voice_call", named("voice_call")),
  kind("call_permission_request", named("call_permission_request")),
  kind("order_details", namedWith("review_and_pay")),
  kind("order_status", namedWith("review_order")),
  kind("carousel", z.looseObject({ cards: z.array(z.looseObject({})).min(2).max(10) })),
]);
