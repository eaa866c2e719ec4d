import { createIdSource } from "@turno/runtime";
import { waitFor } from "@turno/testing";
import { describe, expect, it } from "vitest";
import { createHistories } from "../src/closing/histories.ts";
import { readLiveEvents } from "../src/live/read-live.ts";
import { createReturning } from "../src/tickets/returning.ts";
import { createMemoryTicketStore } from "./memory-ticket-store.ts";

const createId = createIdSource();
const SYSTEM = { kind: "system" as const };

/** A database that gives, for each statement, the rows of the first of these whose words stand in it. */
function fakeSql(answers: readonly [words: string, rows: () => unknown[]][]) {
  const answer = (text: string) => answers.find(([words]) => text.includes(words))?.[1]() ?? [];
  const run = (strings: TemplateStringsArray) => Promise.resolve(answer(strings.join("?")));
  // What is built takes its rows by the places of their columns.
  const unsafe = (text: string) => ({
    values: () => Promise.resolve(answer(text).map((row) => Object.values(row as object))),
  });
  return Object.assign(run, { unsafe }) as never;
}

/** Gives its rows once, and none after that. */
const once = (rows: unknown[]) => () => rows.splice(0);

describe("a defect that follows from one input of the inbox", () => {
  it("keeps a history for its next try, and adds the others", async () => {
    const store = createMemoryTicketStore(() => new Date(), createId);
    const draft = { subject: "a", body: "", author: SYSTEM, requesterId: null, requester: { name: "", reach: "" } };
    const ticket = await store.create({ key: "a", ...draft });
    const pending = (conversationId: string) => ({
      conversationId,
      ticketId: ticket.id,
      author: SYSTEM,
      endedAt: new Date(),
    });
    const told: unknown[] = [];
    const added: string[] = [];
    const histories = createHistories({
      sql: fakeSql([['update "ticket_histories"', once([pending("bad"), pending("good")])]]),
      store: {
        ...store,
        addHistory: (ticketId, history) => {
          if (history.key === "conversation:bad") return Promise.reject(new TypeError("planted"));
          added.push(history.key);
          return store.addHistory(ticketId, history);
        },
      },
      onAdded: () => undefined,
      onFailure: (error) => told.push(["taken for a failure", error]),
      onDefect: (error, conversationId) => told.push([conversationId, error]),
    });
    await waitFor(() => added.length === 1, { what: "the good one is added" });
    await histories.stop();
    expect([added, told]).toEqual([["conversation:good"], [["bad", new TypeError("planted")]]]);
  });

  it("passes the event of a conversation without a proposal, and reads on", async () => {
    const store = createMemoryTicketStore(() => new Date(), createId);
    const told: unknown[] = [];
    const looked: string[] = [];
    const moved: unknown[] = [];
    const event = (entityId: string, position: number) => ({ position, entityId, type: "conversation.opened" });
    const returning = createReturning({
      sql: fakeSql([
        ["update event_readers", () => (moved.push("moved"), [])],
        ["from event_readers", () => [{ position: 0 }]],
        ["from events", once([event("bad", 1), event("good", 2)])],
        ["", () => [{ ticketId: createId() }]],
      ]),
      log: { completePosition: 2, isSettling: false, advance: () => Promise.resolve() },
      store: {
        ...store,
        find: (name) => {
          looked.push("id" in name ? "id" : "number");
          return looked.length === 1 ? Promise.reject(new TypeError("planted")) : Promise.resolve(null);
        },
      },
      createId,
      onProposed: () => undefined,
      onFailure: (error) => told.push(["taken for a failure", error]),
      onDefect: (error, conversationId) => told.push([conversationId, error]),
    });
    await waitFor(() => moved.length > 0, { what: "its position moves on" });
    await returning.stop();
    expect([looked.length, told]).toEqual([2, [["bad", new TypeError("planted")]]]);
  });

  it("sends an event to nobody, in its place among the others", async () => {
    const told: unknown[] = [];
    const event = (eventId: string, position: number, data: string) => ({
      eventId,
      position,
      type: "agent.updated",
      data,
    });
    const sql = fakeSql([
      ["from json_to_recordset", () => []],
      ["from events", () => [event("a", 1, "{}"), event("bad", 2, "null"), event("c", 3, "{}")]],
    ]);
    const range = { after: 0, upTo: 3, limit: 10 };
    const events = await readLiveEvents(sql, range, (error, eventId) => told.push([eventId, (error as Error).name]));
    expect(events.map(({ position, parsed }) => [position, parsed])).toEqual([
      [1, {}],
      [2, null],
      [3, {}],
    ]);
    expect(told).toEqual([["bad", "TypeError"]]);
  });
});
