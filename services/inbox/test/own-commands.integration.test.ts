import { commandSubjects } from "@turno/contracts";
import { createStage, waitFor, type Stage } from "@turno/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { configureInbox, openConversation } from "./fixtures.ts";
import { startInbox } from "./http.ts";

let stage: Stage;
let inbox: Awaited<ReturnType<typeof startInbox>>;
beforeEach(async () => {
  stage = await createStage();
  await stage.start("router");
  inbox = await startInbox(stage);
  await configureInbox(stage);
});
afterEach(() => stage.stop());

it("gives the inbox's own commands by HTTP without the broker, with the same answers, refusals, problems and counts", async () => {
  const conversationId = await openConversation(stage, "a");
  const ana = await inbox.as(0);
  const path = `/v1/conversations/${conversationId}`;
  const seen: string[] = [];
  const subscription = stage.connection.nats.subscribe(commandSubjects("*"), {
    callback: (_error, { subject }) => void seen.push(subject),
  });
  // The broker hears of what others own: until it shows, the subscription may not stand.
  await waitFor(async () => (await ana.get("/v1/groups")).status === 200 && seen.length > 0, {
    what: "others' are seen",
  });
  seen.length = 0;

  expect(await ana.post(`${path}/close`)).toMatchObject({ status: 409, body: { code: "ticket-needed" } });
  const made = await ana.post(`${path}/ticket`, { subject: "Factura", body: "Cobraron dos veces." });
  expect(made).toMatchObject({ status: 200, body: { ticketNumber: 1, ticketLink: "confirmed" } });
  expect(made.body).not.toHaveProperty("ok");
  expect(await ana.get("/v1/tickets/2")).toMatchObject({ status: 404, body: { code: "not-found" } });
  expect(await ana.patch("/v1/tickets/1", { version: 7, status: "solved" })).toMatchObject({ status: 409 });
  expect(await ana.post(`${path}/ticket`, { subject: "" })).toMatchObject({ status: 422, body: { code: "invalid" } });

  // Postgres says of what a function raises that it is no fault of the data: to us it is a defect.
  await stage.sql.unsafe(`
    create function test_defect() returns trigger language plpgsql as $$ begin raise 'planted'; end $$;
    create trigger test_defect before update on conversations for each row
      when (new.state = 'closed') execute function test_defect()`);
  const defect = await ana.post(`${path}/close`);
  expect(defect).toMatchObject({ status: 500, body: { code: "defect" } });
  expect(defect.body["detail"]).toContain("Nothing was changed");
  await stage.sql`drop trigger test_defect on conversations`;
  expect(await ana.post(`${path}/close`)).toMatchObject({ status: 200, body: { how: "closed", ticketNumber: 1 } });
  expect(seen).toEqual([]);

  const metrics = await (await fetch(`${inbox.url}/metrics`)).text();
  for (const [outcome, count] of Object.entries({ ok: 1, refused: 1, defect: 1 })) {
    expect(metrics).toContain(`turno_inbox_commands_total{verb="close",outcome="${outcome}",service="inbox"} ${count}`);
  }
  expect(metrics).toContain('turno_inbox_defects_total{stage="command close",service="inbox"} 1');
  subscription.unsubscribe();

  // A ticket is made before it is linked: where the link fails, it is not said that nothing was changed.
  const another = await openConversation(stage, "b");
  await stage.sql.unsafe(`
    create function test_failure() returns trigger language plpgsql as $$
      begin raise 'planted' using errcode = '53400'; end $$;
    create trigger test_failure before update on conversations for each row
      when (new.ticket_link = 'confirmed') execute function test_failure()`);
  const unlinked = await ana.post(`/v1/conversations/${another}/ticket`, { subject: "Otra" });
  expect(unlinked).toMatchObject({ status: 503, body: { code: "unavailable" } });
  expect(unlinked.body["detail"]).toContain("not known");
  await stage.sql`drop trigger test_failure on conversations`;
  const linked = await ana.post(`/v1/conversations/${another}/ticket`, { subject: "Otra" });
  expect(linked).toMatchObject({ status: 200, body: { ticketNumber: 2, ticketLink: "confirmed" } });

  // The broker takes them of others as before.
  const actor = { kind: "service", name: "developer" } as const;
  expect(await stage.request("close", { actor, conversationId })).toMatchObject({
    refusal: { code: "conversation-closed" },
  });
});
