import { isDefect, isRetryable } from "@turno/runtime";
import { postgres } from "../src/line/driver.ts";
import { expect, it } from "vitest";
import { isConflict, isDatabaseAway, isDataFault, StatementFailure, toFailure } from "../src/index.ts";

/** As the driver makes it of what the server says. */
function refusal(code: string, severity = "ERROR"): Error {
  return Object.assign(Object.create(postgres.PostgresError.prototype) as Error, { message: "no", code, severity });
}
const broken = (code: string, syscall?: string) =>
  Object.assign(new Error("write"), { code, ...(syscall === undefined ? {} : { syscall }) });

it.each([
  ["a serialization failure", refusal("40001")],
  ["a taken key", refusal("23505")],
  ["a statement that took too long", refusal("57014")],
  ["a read-only database", refusal("25006")],
  ["a full disk", refusal("53100")],
  ["a session that the server ended", refusal("28P01", "FATAL")],
  ["a connection that ended", broken("CONNECTION_ENDED")],
  ["a socket that was reset", broken("ECONNRESET", "read")],
])("takes %s for a failure that can be retried", (_what, thrown) => {
  const failure = toFailure(thrown);
  expect(failure).toBeInstanceOf(StatementFailure);
  expect([isDefect(failure), isRetryable(failure), isDataFault(failure)]).toEqual([false, true, false]);
  expect([isConflict(failure), isDatabaseAway(failure)]).toEqual([isConflict(thrown), isDatabaseAway(thrown)]);
});

it.each(["22P02", "22001", "23503", "23514"])(
  "takes data that it cannot store (%s) for a failure that stays",
  (code) => {
    const failure = toFailure(refusal(code));
    expect([isDefect(failure), isRetryable(failure), isDataFault(failure)]).toEqual([false, false, true]);
  },
);

it.each([
  ["a statement that Postgres does not understand", refusal("42601")],
  ["a table that is not there", refusal("42P01")],
  ["a statement of a transaction that has failed, which the driver replaces by what made it fail", refusal("25P02")],
  ["a value that the driver does not take", broken("UNDEFINED_VALUE")],
  ["a mistake in JavaScript", new TypeError("x is not a function")],
])("leaves %s as it is", (_what, thrown) => {
  expect(toFailure(thrown)).toBe(thrown);
  expect(isDefect(thrown)).toBe(true);
});
