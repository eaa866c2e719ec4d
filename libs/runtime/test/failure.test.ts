import { expect, it } from "vitest";
import { Failure, isDefect, isRetryable } from "../src/index.ts";

class AwayFailure extends Failure {}
class RefusedFailure extends Failure {
  override readonly retryable = false;
}

it("tells failures, retryable or not, from defects, whatever these carry", () => {
  const away = new AwayFailure("away");
  const refused = new RefusedFailure("refused");
  const ofNode = Object.assign(new TypeError("Invalid URL"), { code: "ERR_INVALID_URL" });
  const isRetryableThough = Object.assign(new TypeError("x is not a function"), { retryable: true });
  const all = [away, refused, ofNode, isRetryableThough, "text", undefined];
  expect(all.map(isDefect)).toEqual([false, false, true, true, true, true]);
  expect(all.map(isRetryable)).toEqual([true, false, false, false, false, false]);
});
