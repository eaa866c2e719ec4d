import { Validator } from "@seriousme/openapi-schema-validator";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { ROUTES } from "../src/http/api.ts";
import { writeOpenApi } from "../src/http/openapi.ts";
import { writeReference } from "../src/http/reference.ts";

describe("the OpenAPI document", () => {
  it("is valid OpenAPI 3.1", async () => {
    const validator = new Validator();
    const result = await validator.validate(structuredClone(writeOpenApi()));
    expect(result.errors ?? []).toEqual([]);
    expect(result.valid).toBe(true);
    expect(validator.version).toBe("3.1");
  });

  it("names each operation once, and has each route of the API", () => {
    const paths = writeOpenApi()["paths"] as Record<string, Record<string, { operationId: string }>>;
    const operations = Object.values(paths).flatMap((path) => Object.values(path));
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    expect(operations).toHaveLength(ROUTES.length + 1);
  });
});

describe("the reference page", () => {
  it("shows each route, each problem and who may do what", async () => {
    const page = String(await writeReference());
    for (const { path } of ROUTES) expect(page).toContain(path.replaceAll(/[{}]/g, (brace) => brace));
    expect(page).toContain("conversation-taken");
    expect(page).toContain("force a transfer");
    expect(page).not.toContain("[object");
  });
});

describe("an example", () => {
  it.each(ROUTES.map((route) => ({ name: `${route.method} ${route.path}`, route })))(
    "of $name is valid",
    ({ route }) => {
      const schema = route.body ?? route.query ?? z.strictObject({});
      expect(schema.safeParse(route.example)).toMatchObject({ success: true });
    },
  );
});
