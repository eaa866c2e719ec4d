import { COMMANDS, type CommandRequest } from "@turno/contracts";
import { connectToDatabase, type Sql } from "@turno/database";
import { createBuiltInTicketStore, createCommandHandlers, createHistories } from "@turno/inbox";
import type { CommandHandlers } from "@turno/messaging";
import { applyInbound, assignQueued, configure } from "@turno/router";
import { createIdSource } from "@turno/runtime";
import { createTestDatabase, installTurnAudit, SERVICE_ACTOR, stageAgent, stageId } from "@turno/testing";

const createId = createIdSource();

export const AGENTS = 20;
export const OPERATORS = 3;
export const CUSTOMERS = 12;
/** An automatic group, a manual one, and an automatic one that asks for presence. */
export const GROUPS = [stageId(1, 0), stageId(1, 1), stageId(1, 2)] as const;
export const AUTOMATIC_GROUPS = [GROUPS[0], GROUPS[2]] as const;
export const operator = (index: number) => stageAgent(100 + index);

type Configuration = CommandRequest<"configure">;

/** A database of its own in which the model's people work, with a clock that only moves ahead. */
export interface ModelWorld {
  sql: Sql;
  handlers: Required<CommandHandlers>;
  /** What went wrong outside of a command: nothing may. */
  failures: unknown[];
  createId: () => string;
  /** A customer writes to one of the automatic groups, and what waits there is given out. */
  write(customer: number, line: 0 | 1): Promise<void>;
  configure(change: Partial<Omit<Configuration, "actor">>): Promise<unknown>;
  advance(seconds: number): Promise<void>;
  close(): Promise<void>;
}

export async function createModelWorld(): Promise<ModelWorld> {
  const database = await createTestDatabase();
  const sql = connectToDatabase(database.url, { connectionsMax: 6, name: "model" });
  const failures: unknown[] = [];
  const store = createBuiltInTicketStore(sql, createId);
  const noteFailure = (error: unknown) => void failures.push(error);
  const histories = createHistories({
    sql,
    store,
    onAdded: () => undefined,
    onFailure: noteFailure,
    onDefect: noteFailure,
  });
  const handlers = createCommandHandlers(sql, store, histories.add, createId) as Required<CommandHandlers>;
  const change: ModelWorld["configure"] = (named) =>
    configure(sql, COMMANDS.configure.request.parse({ actor: SERVICE_ACTOR, ...named }), createId);
  await prepare(sql);
  await change(firstConfiguration());
  await installTurnAudit(sql);
  let wrote = 0;
  return {
    sql,
    handlers,
    failures,
    createId,
    configure: change,
    write: async (customer, line) => {
      wrote += 1;
      await applyInbound(sql, {
        reader: null,
        moves: [],
        items: [toItem(wrote, customer, line, await readNow(sql))],
        createId,
      });
      await assignQueued(sql, AUTOMATIC_GROUPS[line], createId);
    },
    advance: async (seconds) => {
      await sql`update test_clock set shift = shift + ${seconds} * interval '1 second'`;
    },
    close: async () => {
      await histories.stop();
      await sql.end({ timeout: 1 });
      await database.drop();
    },
  };
}

export async function readNow(sql: Sql): Promise<Date> {
  const [clock] = await sql<{ now: Date }[]>`select turno_now() as now`;
  if (clock === undefined) throw new Error("the database has no clock");
  return clock.now;
}

async function prepare(sql: Sql): Promise<void> {
  await sql`create table test_clock (shift interval not null)`;
  await sql`insert into test_clock values ('0')`;
  await sql`
    create or replace function turno_now() returns timestamptz language sql volatile
    as 'select turno_clock() + shift from test_clock'`;
  // Everything that arrived has taken effect: expiry may go on.
  await sql`
    insert into log_positions (consumer, shard, partition, stream_id, sequence, watermark_at)
    values ('router', '0', 0, 'model', 0, '2100-01-01')`;
  await sql`
    insert into templates (account_id, name, language, template_id, status, category, components, changed_at)
    values ('100', 'hello', 'es', '1', 'APPROVED', 'UTILITY', '[{"type":"BODY","text":"Hola"}]', now())`;
}

export const groupOf = (
  index: 0 | 1 | 2,
  rules: Partial<Configuration["groups"][number]> = {},
): Configuration["groups"][number] => ({
  id: GROUPS[index],
  name: `Group ${index}`,
  distribution: index === 1 ? "manual" : "automatic",
  needsPresence: index === 2,
  hours: null,
  outsideHours: "ignored",
  overflowGroupId: null,
  overflowSeconds: 0,
  automaticWords: null,
  countsPresence: false,
  returningWithinDays: 0,
  returningWaitSeconds: 0,
  agentsMayCloseAsSpam: false,
  closingNeedsTicket: true,
  firstAnswerSeconds: index === 0 ? 3_600 : 0,
  absentRequeueSeconds: index === 2 ? 600 : 0,
  followUpSeconds: 0,
  answerSeconds: 0,
  lapsesMax: 0,
  offerSeconds: 0,
  offersMissedMax: 0,
  whenAway: "keep",
  ...rules,
});

export const agentOf = (
  index: number,
  capacity: number | null,
  groupIds: readonly string[],
): Configuration["agents"][number] => ({
  id: stageAgent(index),
  name: `Agent ${index}`,
  role: "agent",
  capacity,
  groupIds: [...groupIds],
  force: false,
});

function firstConfiguration(): Partial<Configuration> {
  const groupsAt = (index: number) => [GROUPS[index % 3] ?? GROUPS[0], GROUPS[(index >> 1) % 3] ?? GROUPS[0]];
  const channel = { accountId: "100", name: "Line" };
  return {
    groups: [groupOf(0), groupOf(1), groupOf(2)],
    agents: [
      ...Array.from({ length: AGENTS }, (_, index) => agentOf(index, 2, [...new Set(groupsAt(index))])),
      ...Array.from({ length: OPERATORS }, (_, index) => ({
        id: operator(index),
        name: `Operator ${index}`,
        role: "operator" as const,
        capacity: null,
        groupIds: [...new Set(groupsAt(index + 1))],
        force: false,
      })),
    ],
    channels: AUTOMATIC_GROUPS.map((groupId, line) => ({
      ...channel,
      id: stageId(3, line),
      phoneNumberId: `12${line}`,
      groupId,
      ratePerSecond: null,
    })),
    programs: [],
  };
}

/** Others write after a while, because people who turn out to be one grow fewer. */
const WRITTEN_BY_SOME = 300;

function toItem(wrote: number, customer: number, line: 0 | 1, now: Date) {
  const userId = `US.${Math.floor(wrote / WRITTEN_BY_SOME)}.${customer}`;
  const identities = { userId, parentUserId: null, phone: null, phoneKey: null };
  const origin = {
    key: `msg:${wrote}`,
    field: "messages",
    line: "{}",
    receivedAt: now,
    accountId: "100",
    phoneNumberId: `12${line}`,
  };
  const message = { type: "text", sentAt: now, identities, content: '{"text":{"body":"hola"}}', text: "hola" };
  const opening = { opensConversation: true, renewsSession: true, profile: { name: null, username: null } };
  return { ...origin, ...message, ...opening, kind: "interaction" as const };
}
