import { expect, it } from "vitest";
import { examineInbox, type ExaminedConfig } from "../src/examination.ts";

const PRODUCTION: ExaminedConfig = {
  NODE_ENV: "production",
  AUTH_ISSUER: "https://id.example.org",
  OIDC_ISSUERS: undefined,
  LOCAL_ISSUER: "off",
  PUBLIC_URL: "https://inbox.example.org",
  OPERATIONS_PORT: 9090,
};
const faultsOf = (changed: Partial<ExaminedConfig>) =>
  examineInbox({ ...PRODUCTION, ...changed }).checks.filter(({ state }) => state !== "sound");

it.each<[string, Partial<ExaminedConfig>, RegExp]>([
  ["sign-in", { AUTH_ISSUER: undefined }, /AUTH_ISSUER/],
  ["public-url", { PUBLIC_URL: undefined }, /PUBLIC_URL/],
  ["public-url", { PUBLIC_URL: "http://inbox.example.org" }, /https/],
  ["operations-port", { OPERATIONS_PORT: undefined }, /OPERATIONS_PORT of the inbox/],
])("an inbox in production without %s says so, and nothing else", (code, changed, advice) => {
  const faults = faultsOf(changed);
  expect(faults.map((fault) => fault.code)).toEqual([code]);
  expect(faults[0]?.advice).toMatch(advice);
});

it("an inbox outside production may lack all of it, and tells the address that it has", () => {
  const bare = { NODE_ENV: "development", AUTH_ISSUER: undefined, PUBLIC_URL: undefined, OPERATIONS_PORT: undefined };
  expect([faultsOf(bare), faultsOf({ ...bare, LOCAL_ISSUER: "on" }), faultsOf({})]).toEqual([[], [], []]);
  const issuer = {
    name: "id",
    label: "Example",
    issuer: "https://id.example.org",
    clientId: "turno",
    scope: "openid",
    parameters: {},
    matchesEmail: true,
  };
  expect(faultsOf({ AUTH_ISSUER: undefined, OIDC_ISSUERS: [issuer] })).toEqual([]);
  expect(examineInbox(PRODUCTION).addresses).toEqual([{ kind: "console", url: "https://inbox.example.org" }]);
});
