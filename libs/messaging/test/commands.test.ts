import { commandSubject } from "@turno/contracts";
import { Failure, noteUndone } from "@turno/runtime";
import { expect, it } from "vitest";
import { answerCommands, type CommandHandlers, type Connection } from "../src/index.ts";

class AwayFailure extends Failure {}

const VERB = "list-groups";

/** Answers one command whose handler throws. */
async function answerWith(thrown: unknown) {
  const callbacks = new Map<string, (error: null, message: object) => void>();
  const subscribe = (subject: string, { callback }: { callback: (error: null, message: object) => void }) => {
    callbacks.set(subject, callback);
    return { drain: () => Promise.resolve() };
  };
  const told: string[] = [];
  const handlers: CommandHandlers = { [VERB]: () => Promise.reject(thrown) };
  const responder = answerCommands({ nats: { subscribe } } as unknown as Connection, {
    service: "router",
    handlers,
    onAnswer: (_verb, outcome) => told.push(outcome),
    onFailure: (_verb, error) => told.push(`failure ${String(error)}`),
    onDefect: (_verb, error) => told.push(`defect ${String(error)}`),
  });
  const replies: string[] = [];
  const string = () => JSON.stringify({ actor: { kind: "system" } });
  callbacks.get(commandSubject(VERB))?.(null, { string, respond: (text: string) => replies.push(text) });
  await responder.stop();
  return { told, replies: replies.map((text) => (JSON.parse(text) as { refusal: object }).refusal) };
}

it("answers a failure as what may be sent again", async () => {
  const { told, replies } = await answerWith(new AwayFailure("away"));
  expect(told).toEqual(["failure Error: away", "failed"]);
  expect(replies).toMatchObject([
    { code: "unavailable", message: expect.stringContaining("nothing was changed") as string },
  ]);
});

it.each([
  ["a defect", new TypeError("planted")],
  ["a TypeError of Node's with a code", Object.assign(new TypeError("planted"), { code: "ERR_INVALID_ARG_TYPE" })],
])("answers %s as ours, and does not say that nothing was changed", async (_what, thrown) => {
  const { told, replies } = await answerWith(thrown);
  expect(told).toEqual(["defect TypeError: planted", "defect"]);
  expect(replies).toMatchObject([{ code: "defect", message: expect.stringContaining("is not known") as string }]);
});

it("says that nothing was changed where the transaction was undone with the defect", async () => {
  const undone = new TypeError("planted");
  noteUndone(undone);
  const { replies } = await answerWith(undone);
  expect(replies).toMatchObject([
    { code: "defect", message: expect.stringContaining("Nothing was changed") as string },
  ]);
});
