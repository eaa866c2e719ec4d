import { describe, expect, it } from "vitest";
import { BrokerAddressFailure, parseBrokerAddress } from "../src/broker-address.ts";

const failureOf = (text: string): unknown => {
  try {
    return parseBrokerAddress(text);
  } catch (error) {
    return error;
  }
};

describe("the broker's address", () => {
  it.each([
    ["nats://127.0.0.1:4222", ["nats://127.0.0.1:4222"], null],
    ["localhost", ["localhost"], null],
    ["nats://router:n1@a:4222", ["nats://a:4222"], { user: "router", pass: "n1" }],
    ["router:n1@a", ["a"], { user: "router", pass: "n1" }],
    ["nats://router:n1@a:1, nats://router:n1@b:2", ["nats://a:1", "nats://b:2"], { user: "router", pass: "n1" }],
    ["nats://router:n1@a:1,b:2", ["nats://a:1", "b:2"], { user: "router", pass: "n1" }],
    ["nats://router:a%40b%2Fc%3Ad:e@[::1]:4222/", ["nats://[::1]:4222"], { user: "router", pass: "a@b/c:d:e" }],
  ])("%s names servers and one user", (text, servers, credentials) => {
    expect(parseBrokerAddress(text)).toEqual({ servers, credentials });
  });

  it.each([
    "nats://router:secret@a,nats://sender:secret@b",
    "nats://router:se/cret@a",
    "nats://router:se@cret@a",
    "nats://router:secret%@a",
    "nats://a.b:secret@a",
    "nats://:secret@a",
    "",
  ])("is refused without repeating it: %s", (text) => {
    const failure = failureOf(text);
    expect(failure).toBeInstanceOf(BrokerAddressFailure);
    expect(JSON.stringify(Object.entries(failure as Error)) + String(failure)).not.toMatch(/secret|cret@/);
    expect((failure as Error).cause).toBeUndefined();
  });
});
