import { expect, it } from "vitest";
import { z } from "zod";
import { commonConfig, loadConfig } from "../src/index.ts";

const load = (environment: Record<string, string>) => loadConfig(z.object(commonConfig), environment);

it.each(["127.0.0.1", "10.0.0.7", "::", "::1", "localhost"])("listens on %s where that is asked for", (address) => {
  expect(load({ LISTEN_ADDRESS: address }).LISTEN_ADDRESS).toBe(address);
});

it.each(["", "my-host", "127.0.0.1:80", "300.0.0.1"])(
  "refuses %j as an address, by the key and the rule",
  (address) => {
    expect(() => load({ LISTEN_ADDRESS: address })).toThrow(/LISTEN_ADDRESS: must be an address of this machine/);
  },
);

it("listens on all addresses by default, as a container must", () => {
  expect(load({}).LISTEN_ADDRESS).toBe("0.0.0.0");
});
