import { COMMANDS } from "@turno/contracts";
import { createStage, installTurnAudit, judgeTurns, waitFor, type Stage } from "@turno/testing";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { runTurno } from "./fixtures/run-turno.ts";

let stage: Stage;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "turno-setup-"));
  stage = await createStage();
  await stage.start("router");
  stage.keep();
});
afterEach(() => stage.clear());
afterAll(async () => {
  await stage.stop();
  await rm(folder, { recursive: true });
});

const NOTHING_TO_DO = "Nothing to do: all is as the file says.\n";

/** Runs the tool on a file with this text, as an operator does. */
async function turno(verb: "diff" | "apply", text: string): Promise<string> {
  const path = join(folder, "turno.yaml");
  await writeFile(path, text);
  return runTurno(stage.environment.NATS_URL, [verb, path]);
}

/** Returns what the tool says of a file that it does not apply. */
const failureOf = (text: string) =>
  turno("apply", text).then(
    (told) => Promise.reject(new Error(`it was applied: ${told}`)),
    (error: { stderr: string }) => error.stderr,
  );

const each = (count: number, entry: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => entry(index)).join("");

interface Size {
  groups: number;
  agents: number;
  channels: number;
}
const LARGE: Size = { groups: 50, agents: 500, channels: 20 };
const SMALL: Size = { groups: 2, agents: 2, channels: 1 };

/** Settings that are more than a word: they too must be the same when they are read again. */
const HOURS =
  ", hours: { timeZone: Europe/Madrid, weekly: [{ days: [mon], from: '09:00', until: '18:00' }] }, overflowGroup: g1, " +
  "automaticWords: { greeting: { text: Hello } }";

/** A business in which every agent is of two groups. The turn of the groups may be moved on by `shift`. */
function business({ groups, agents, channels }: Size, { leaves = 0, shift = 0, capacity = 3 } = {}): string {
  const groupOf = (index: number) => `g${(index + shift) % groups}`;
  return [
    "version: 1\ngroups:\n",
    each(groups, (i) => {
      return `  g${i}: { name: Group ${i}, countsPresence: false, followUpSeconds: 0${i === 0 ? HOURS : ""} }\n`;
    }),
    "agents:\n  boss: { name: Boss, role: admin, email: boss@example.org, logins: [{ issuer: 'https://id.example.org', subject: s }] }\n",
    each(agents - leaves, (i) => {
      return `  a${i}: { name: Agent ${i}, capacity: ${capacity}, groups: [${groupOf(i)}, ${groupOf(i + 1)}] }\n`;
    }),
    "channels:\n",
    each(channels, (i) => `  c${i}: { name: Line ${i}, phoneNumberId: "5${i}", group: g${i} }\n`),
  ].join("");
}

const readAll = async () => ({
  groups: await stage.sql`select * from groups order by id`,
  agents: await stage.sql`select * from agents order by id`,
  members: await stage.sql`select agent_id, group_id from group_members order by 1, 2`,
  channels: await stage.sql`select * from channels order by id`,
  programs: await stage.sql`select * from programs order by name`,
  events: await stage.sql`select id from events order by position`,
});
/** In a test's database alone: five hundred commands would say the same. */
const makeAllAvailable = () =>
  stage.sql`update agents set availability = 'available' where role = 'agent' and deactivated_at is null`;
const messages = (count: number, channels: number, from: number) =>
  Array.from({ length: count }, (_, index) => {
    const [customer, phoneNumberId] = [from + index, `5${(from + index) % channels}`];
    return { id: `wamid.${customer}`, userId: `US.${customer}`, phoneNumberId };
  });
const countOpened = async () =>
  (await stage.sql<{ count: number }[]>`select count(*)::int as count from conversations`)[0]?.count ?? 0;

it("a whole business is shown, made, left as it is, and changed under load with turns and invariants intact", async () => {
  const file = business(LARGE);
  expect(await turno("diff", file)).toContain("571 changes. Nothing was changed");
  expect(await readAll()).toEqual({ groups: [], agents: [], members: [], channels: [], programs: [], events: [] });

  expect(await turno("apply", file)).toContain("571 changes.");
  const events = await stage.sql<{ sequence: number; data: { name: string; actor: object; change: string } }[]>`
    select sequence, data from events where type = 'configuration.changed' order by position`;
  expect(events.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 571 }, (_, index) => index + 1));
  const actor = { kind: "service", name: "cli" };
  expect(events[0]?.data).toMatchObject({ name: "Group 0", change: "created", actor });

  const made = await readAll();
  expect(await turno("diff", file)).toBe(NOTHING_TO_DO);
  expect(await turno("apply", file)).toBe(NOTHING_TO_DO);
  expect(await readAll()).toEqual(made);

  await makeAllAvailable();
  await installTurnAudit(stage.sql);
  await stage.publish(messages(200, 20, 0));
  await waitFor(async () => (await countOpened()) >= 20, { what: "the load has begun" });
  const [, changed] = await Promise.all([
    (async () => {
      for (let from = 200; from < 600; from += 50) await stage.publish(messages(50, 20, from), 10);
    })(),
    turno("apply", business(LARGE, { leaves: 40, shift: 1, capacity: 2 })),
  ]);
  expect(changed).toContain("500 changes.");
  await waitFor(async () => (await countOpened()) === 600, {
    what: "every customer has a conversation",
    timeoutMs: 60_000,
  });
  const { faults, judged } = await judgeTurns(stage.sql);
  expect(faults).toEqual([]);
  expect(judged).toBeGreaterThan(200);
  // Nothing is lost, nobody is overcounted, and nobody has what is not its own group's.
  expect(
    await stage.sql`
      select agent.name from agents as agent left join conversations as conversation
        on conversation.agent_id = agent.id and conversation.state = 'active'
      group by agent.id having agent.active_count <> count(conversation.id)
        or (agent.deactivated_at is not null and count(conversation.id) > 0)`,
  ).toEqual([]);
  expect(
    await stage.sql`
      select id from conversations as conversation where state = 'active' and not exists (
        select from group_members as member
        where member.group_id = conversation.group_id and member.agent_id = conversation.agent_id)`,
  ).toEqual([]);
  expect(await stage.sql`select count(*)::int as count from agents where deactivated_at is not null`).toEqual([
    { count: 40 },
  ]);
  expect(await stage.sql`select id from dead_letters`).toEqual([]);
}, 180_000);

it("who is not in the file is deactivated, and the change says where its conversations go", async () => {
  await turno("apply", `${business(SMALL)}programs:\n  bot: { groups: all }\n`);
  await stage.sql`update agents set availability = 'available' where name = 'Agent 1'`;
  await stage.publish(messages(2, 1, 0));
  // The first apply's channel is known at once; the agent's place is noticed with the next command about it.
  const [agent] = await stage.sql<{ id: string }[]>`select id from agents where name = 'Agent 1'`;
  await stage.command("set-availability", { agentId: agent?.id ?? "", availability: "available" });
  await waitFor(async () => (await stage.sql`select from conversations where state = 'active'`).length === 2, {
    what: "the agent has both",
  });
  const file = `${business(SMALL, { leaves: 1 })}programs: {}\n`;
  const shown = await turno("diff", file);
  expect(shown).toContain("deactivate agent Agent 1");
  expect(shown).toContain("2 of its conversations would go to the queue of g0");
  expect(shown).toContain("change program bot: groups all → []");
  expect(await turno("apply", file)).toContain("2 of its conversations went to the queue of g0");
  expect(await stage.sql`select from agents where name = 'Agent 1' and deactivated_at is not null`).toHaveLength(1);
});

it("what the file or the service refuses is told with its line, and nothing is changed", async () => {
  await turno("apply", business(SMALL));
  await stage.publish(messages(1, 1, 0));
  await waitFor(async () => (await countOpened()) === 1, { what: "a conversation waits" });
  const before = await readAll();
  const unknown = await failureOf(business(SMALL).replace("capacity: 3", "capacty: 3"));
  expect(unknown).toMatch(
    /turno\.yaml:7:\d+ agents\.a0\.capacty: is unknown: do you mean "capacity"\?\nNothing was changed/,
  );
  const unnamed = await failureOf(
    business(SMALL)
      .replace(/ {2}g1: .*\n/, "")
      .replace("overflowGroup: g1, ", "")
      .replaceAll(", g1]", "]")
      .replaceAll("g1, ", ""),
  );
  expect(unnamed).toMatch(/turno\.yaml:2:\d+ groups: groups: Group 1 \(.*\) exist and are not named/);
  const stranding = await failureOf(business(SMALL).replaceAll(/groups: \[[^\]]*\]/g, "groups: [g1]"));
  expect(stranding).toMatch(
    /turno\.yaml:3:\d+ groups\.g0: groups: these groups would have open conversations and no member: Group 0 \(1\)/,
  );
  const elsewhere = `version: 1\nchannels:\n  c0: { name: Line 0, phoneNumberId: "50", group: nowhere }\n`;
  expect(await failureOf(elsewhere)).toContain("does not exist");
  expect(await readAll()).toEqual(before);

  // The same by command, as the API sends it.
  const [group] = COMMANDS.configure.request.shape.groups.parse([
    { id: before.groups[0]?.["id"] as string, name: "Care" },
  ]);
  const dry = await stage.command("configure", { dryRun: true, groups: group === undefined ? [] : [group] });
  expect(dry.changes).toMatchObject([
    { section: "groups", change: "changed", before: { name: "Group 0" }, after: { name: "Care" } },
  ]);
  expect(await readAll()).toEqual(before);
});
