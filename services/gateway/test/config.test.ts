import { ConfigFailure, loadConfig } from "@turno/runtime";
import { describe, expect, test } from "vitest";
import { credentialsByApp, DEFAULT_APP, gatewayConfig } from "../src/config.ts";

const appsOf = (environment: Record<string, string>) => credentialsByApp(loadConfig(gatewayConfig, environment));

test("lists overlap old and new secrets", () => {
  const apps = appsOf({ WHATSAPP_APP_SECRETS: "new, old", WHATSAPP_VERIFY_TOKENS: "t" });
  expect([...apps]).toEqual([[DEFAULT_APP, { secrets: ["new", "old"], verifyTokens: ["t"] }]]);
});

test("apps alone suffice, and stand beside the default app", () => {
  const WHATSAPP_APPS = '{"two":{"secrets":["s"],"verifyTokens":["t"]}}';
  expect([...appsOf({ WHATSAPP_APPS, WHATSAPP_APP_SECRETS: "" }).keys()]).toEqual(["two"]);
  const both = appsOf({ WHATSAPP_APPS, WHATSAPP_APP_SECRETS: "s", WHATSAPP_VERIFY_TOKENS: "t" });
  expect([...both.keys()].toSorted()).toEqual([DEFAULT_APP, "two"]);
});

describe("the gateway does not start without secrets, and says what is missing without telling any", () => {
  test.each<[string, Record<string, string>, string]>([
    ["nothing", {}, "WHATSAPP_APP_SECRETS"],
    ["no tokens", { WHATSAPP_APP_SECRETS: "hidden" }, "WHATSAPP_VERIFY_TOKENS"],
    ["no secrets", { WHATSAPP_VERIFY_TOKENS: "hidden" }, "WHATSAPP_APP_SECRETS"],
    ["an empty element", { WHATSAPP_APP_SECRETS: "hidden,,", WHATSAPP_VERIFY_TOKENS: "t" }, "WHATSAPP_APP_SECRETS"],
    ["apps that are no JSON", { WHATSAPP_APPS: '{"a": hidden' }, "WHATSAPP_APPS"],
    ["an app without tokens", { WHATSAPP_APPS: '{"a":{"secrets":["hidden"]}}' }, "WHATSAPP_APPS"],
    [
      "an account that is no id",
      { WHATSAPP_APPS: '{"a":{"secrets":["s"],"verifyTokens":["t"],"accounts":["one"]}}' },
      "APPS",
    ],
    ["no apps", { WHATSAPP_APPS: "{}" }, "WHATSAPP_APP_SECRETS"],
    ["an app key that no path can hold", { WHATSAPP_APPS: '{"a/b":{"secrets":["s"],"verifyTokens":["t"]}}' }, "APPS"],
  ])("%s", (_case, environment, key) => {
    const load = () => appsOf(environment);
    expect(load).toThrow(ConfigFailure);
    expect(load).toThrow(key);
    expect(load).not.toThrow("hidden");
  });
});
