import { expect } from "vitest";
import type { TicketStore } from "../src/tickets/ticket-store.ts";

const author = { kind: "service", name: "conformance" } as const;
const NOBODY = "00000000-0000-7000-8000-000000000404";

interface Rule {
  name: string;
  /** `requesterId` is a contact that the store may take as requester; the store is empty. */
  expectHeld: (store: TicketStore, requesterId: string) => Promise<void>;
}

/** What every ticket store must do, whoever keeps the tickets. */
export const TICKET_STORE_RULES: readonly Rule[] = createRules();

function createRules(): Rule[] {
  const rules: Rule[] = [];
  const test = (name: string, expectHeld: Rule["expectHeld"]) => void rules.push({ name, expectHeld });
  const make = (store: TicketStore, key: string, subject: string, body = "", requesterId: string | null = null) =>
    store.create({ key, subject, body, requesterId, requester: { name: "Marta Ruiz", reach: "" }, author });
  const find = async (store: TicketStore, text: string, more: object = {}) => {
    const all = { text, status: null, requesterId: null, beforeNumber: null, limit: 50, among: null };
    return (await store.search({ ...all, ...more })).map(({ subject }) => subject);
  };

  test("makes an open ticket with the next number, found by id and by number", async (store, requesterId) => {
    const first = await make(store, "a", "First", "body", requesterId);
    const second = await make(store, "b", "Second");
    expect(first).toMatchObject({ subject: "First", body: "body", status: "open", version: 1, requesterId });
    expect(second.number).toBeGreaterThan(first.number);
    expect(await store.find({ id: first.id })).toEqual(first);
    expect(await store.find({ number: second.number })).toEqual(second);
    expect(await store.find({ id: NOBODY })).toBeNull();
    expect(await store.find({ number: second.number + 1 })).toBeNull();
  });

  test("makes one ticket of a key, however often and at once it is asked", async (store) => {
    const made = await Promise.all(Array.from({ length: 8 }, (_, index) => make(store, "same", `Try ${index}`)));
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    expect(await find(store, "try")).toHaveLength(1);
  });

  test("finds words without case and accents in Spanish, Portuguese and English, and unfinished last words", async (store) => {
    await make(store, "1", "Reclamación por señal", "Año nuevo, cañón");
    await make(store, "2", "Não recebi a fatura", "Situação: coração partido");
    await make(store, "3", "Late invoice", "The café was closed");
    expect(await find(store, "RECLAMACION senal")).toEqual(["Reclamación por señal"]);
    expect(await find(store, "situacao coracao")).toEqual(["Não recebi a fatura"]);
    expect(await find(store, "cafe")).toEqual(["Late invoice"]);
    expect(await find(store, "CAFÉ clo")).toEqual(["Late invoice"]);
    expect(await find(store, "reclamación fatura")).toEqual([]);
    expect(await find(store, "año nuevo")).toEqual(["Reclamación por señal"]);
  });

  test("takes any text as words to look for, never as a language of its own", async (store) => {
    await make(store, "1", "Quotes and 'ticks'");
    for (const text of ["' & | ! <-> :*", "((", "\\", "'; drop table tickets --", "%_", "!!!", "a:b & c", "''''"]) {
      expect(Array.isArray(await find(store, text))).toBe(true);
    }
    expect(await find(store, "!!!")).toEqual([]);
    expect(await find(store, "ticks'")).toEqual(["Quotes and 'ticks'"]);
  });

  test("finds a ticket by its number, with or without #, beside those that have it in their words", async (store) => {
    const first = await make(store, "1", "First");
    await make(store, "2", `About ${first.number}`);
    expect(await find(store, `#${first.number}`)).toEqual([`About ${first.number}`, "First"]);
    expect(await find(store, "99999999999")).toEqual([]);
  });

  test("gives the newest first, page by page, by status and by requester", async (store, requesterId) => {
    for (let index = 0; index < 5; index++) {
      await make(store, `${index}`, `Page ${index}`, "", index % 2 === 0 ? requesterId : null);
    }
    const all = { text: "page", status: null, requesterId: null, beforeNumber: null, limit: 2, among: null };
    const first = await store.search(all);
    const second = await store.search({ ...all, beforeNumber: first[1]?.number ?? null });
    expect([...first, ...second].map(({ subject }) => subject)).toEqual(["Page 4", "Page 3", "Page 2", "Page 1"]);
    expect(await find(store, "", { requesterId })).toEqual(["Page 4", "Page 2", "Page 0"]);
    await store.edit(first[0]?.id ?? "", { author, version: null, status: "solved" });
    expect(await find(store, "", { status: "solved" })).toEqual(["Page 4"]);
  });

  test("gives only tickets with these numbers or for these contacts where it is told so, with words or without", async (store, requesterId) => {
    const numbers: number[] = [];
    for (let index = 0; index < 6; index++) {
      const made = await make(store, `${index}`, `Among ${index}`, "", index === 1 ? requesterId : null);
      numbers.push(made.number);
    }
    const [, , second = 0, , fourth = 0] = numbers;
    const among = { numbers: [second, fourth, 99_999], requesterIds: [requesterId, NOBODY] };
    for (const text of ["", "among", "AMO"]) {
      expect(await find(store, text, { among })).toEqual(["Among 4", "Among 2", "Among 1"]);
      expect(await find(store, text, { among, limit: 2 })).toEqual(["Among 4", "Among 2"]);
      expect(await find(store, text, { among, beforeNumber: fourth })).toEqual(["Among 2", "Among 1"]);
      expect(await find(store, text, { among, requesterId })).toEqual(["Among 1"]);
      expect(await find(store, text, { among: { numbers: [], requesterIds: [] } })).toEqual([]);
    }
    expect(await find(store, `${fourth}`, { among: { numbers: [second], requesterIds: [] } })).toEqual([]);
    expect(await find(store, "", { among, status: "solved" })).toEqual([]);
  });

  test("changes what is named, counts versions, and records each edit and comment", async (store) => {
    const { id } = await make(store, "a", "Before", "body");
    const edited = await store.edit(id, { author, version: 1, subject: "After", status: "pending", comment: "Why" });
    expect(edited).toMatchObject({ kind: "edited", ticket: { subject: "After", body: "body", version: 2 } });
    expect(await store.edit(id, { author, version: null, subject: "After" })).toMatchObject({ ticket: { version: 2 } });
    expect((await store.listActions(id, 10)).map(({ kind, body }) => `${kind}: ${body}`)).toEqual([
      "comment: Why",
      "edit: subject changed; status: open to pending",
    ]);
    expect(await store.edit(NOBODY, { author, version: null, subject: "x" })).toEqual({ kind: "not-found" });
    expect(await find(store, "after")).toEqual(["After"]);
    expect(await find(store, "before")).toEqual([]);
  });

  test("keeps who asked, changes it, and says so in its record", async (store) => {
    const { id, requester } = await make(store, "a", "Requester");
    expect(requester).toEqual({ name: "Marta Ruiz", reach: "" });
    const luis = { name: "Luis Peña", reach: "interno 12" };
    expect(await store.edit(id, { author, version: null, requester: luis })).toMatchObject({
      ticket: { requester: luis, version: 2 },
    });
    expect(await store.edit(id, { author, version: null, requester: luis })).toMatchObject({ ticket: { version: 2 } });
    const [action] = await store.listActions(id, 1);
    expect(action?.body).toBe("requester: Marta Ruiz to Luis Peña, interno 12");
    expect([await find(store, "pena interno"), await find(store, "marta")]).toEqual([["Requester"], []]);
  });

  test("finds words of comments, histories and notes, beside those of the ticket", async (store) => {
    const { id } = await make(store, "a", "Content");
    await store.edit(id, { author, version: null, comment: "El técnico vendrá el jueves" });
    const actionId = await store.addHistory(id, { key: "h", author, body: "customer: perdí el cargador" });
    expect([await find(store, "TECNICO jueves"), await find(store, "content cargador")]).toEqual([
      ["Content"],
      ["Content"],
    ]);
    expect(await find(store, "devuelto")).toEqual([]);
    const note = { author, text: "Cargador devuelto" };
    expect(await store.completeAction(id, actionId ?? "", note)).toMatchObject({ id: actionId, note });
    expect(await find(store, "devuel")).toEqual(["Content"]);
  });

  test("completes a history with a note, which another one replaces, and nothing else", async (store) => {
    const { id } = await make(store, "a", "Note");
    const actionId = (await store.addHistory(id, { key: "h", author, body: "said" })) ?? "";
    await store.edit(id, { author, version: null, comment: "no history" });
    expect((await store.findAction(id, actionId))?.note).toBeNull();
    await store.completeAction(id, actionId, { author, text: "first" });
    await store.completeAction(id, actionId, { author, text: "second" });
    expect(await store.findAction(id, actionId)).toMatchObject({ body: "said", note: { author, text: "second" } });
    const [comment] = await store.listActions(id, 1);
    expect(await store.completeAction(id, comment?.id ?? "", { author, text: "x" })).toBeNull();
    expect(await store.completeAction(NOBODY, actionId, { author, text: "x" })).toBeNull();
  });

  test("lets one of several edits of the same version through, and tells the others of it", async (store) => {
    const { id } = await make(store, "a", "Race");
    const edits = await Promise.all(
      [1, 2, 3, 4].map((index) => store.edit(id, { author, version: 1, subject: `Race ${index}` })),
    );
    expect(edits.filter(({ kind }) => kind === "edited")).toHaveLength(1);
    const changed = { kind: "changed", changedBy: author, ticket: { version: 2 } };
    expect(edits.filter(({ kind }) => kind === "changed")).toMatchObject([changed, changed, changed]);
  });

  test("takes a history once, however often and at once it is added", async (store) => {
    const { id } = await make(store, "a", "History");
    const add = (key: string) => store.addHistory(id, { key, author, body: `said in ${key}` });
    const [one, again, andAgain, two] = await Promise.all([add("one"), add("one"), add("one"), add("two")]);
    expect([again, andAgain, one === two, one]).toEqual([one, one, false, expect.any(String)]);
    expect((await store.findAction(id, one ?? ""))?.body).toBe("said in one");
    const actions = await store.listActions(id, 10);
    expect(actions.map(({ body }) => body).toSorted()).toEqual(["said in one", "said in two"]);
    const [action] = actions;
    expect(await store.findAction(id, action?.id ?? "")).toEqual(action);
    expect(await store.findAction(NOBODY, action?.id ?? "")).toBeNull();
    expect(await store.addHistory(NOBODY, { key: "three", author, body: "x" })).toBeNull();
  });

  test("keeps a history of 200,000 characters as it is", async (store) => {
    const { id } = await make(store, "a", "Long");
    const body = "añ💶 ".repeat(40_000);
    await store.addHistory(id, { key: "long", author, body });
    expect((await store.listActions(id, 1))[0]?.body).toBe(body);
  });
  return rules;
}
