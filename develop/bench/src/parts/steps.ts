import { decodeInboundRecord, encodeInboundRecord } from "@turno/contracts";
import { connectToDatabase, type Sql } from "@turno/database";
import { createSignatureVerifier, interpretLine, parseExactJson, signatureOf, splitDelivery } from "@turno/whatsapp";
import { hash } from "node:crypto";
import { v7 } from "uuid";
import { startOurs, timeRouter } from "../designs.ts";
import { createTrafficSource } from "../population.ts";
import type { DetailTable, PartResult } from "../results.ts";
import type { BenchScene } from "../scene.ts";
import { median } from "../statistics.ts";
import { APP_SECRET, createBody, createMessage } from "../webhooks.ts";

const STORED = 10_000;

/** Where the time goes: single steps alone in this process, and each statement of the router by the database's account. */
export async function measureSteps(scene: BenchScene): Promise<PartResult> {
  const one = createBody([createMessage(1)]);
  const many = createBody(Array.from({ length: 1_000 }, (_, sender) => createMessage(sender)));
  const tables = [
    stepsTable("Steps on a webhook of one message (1.2 kB)", one, scene.size(20_000, 200)),
    stepsTable(`Steps on a webhook of 1,000 messages (${Math.round(many.length / 1000)} kB)`, many, scene.size(40, 1)),
  ];
  return { figures: {}, tables: [...tables, await statementsTable(scene)] };
}

function stepsTable(title: string, body: Buffer, times: number): DetailTable {
  const verifier = createSignatureVerifier([APP_SECRET]);
  const signature = signatureOf(body, APP_SECRET);
  const text = body.toString("utf8");
  const split = () => splitDelivery(body, { receivedAt: new Date().toISOString(), createId: () => "" });
  const lines = split();
  const record = encodeInboundRecord(lines);
  const payload = Buffer.from(record.payload).toString();
  const header = (name: string) => record.headers[name] ?? "";
  const steps: [string, () => unknown][] = [
    ["SHA-256 of the body, the floor of a signature", () => hash("sha256", body, "hex")],
    ["signature verified", () => verifier.findSecret(body, signature)],
    ["`JSON.parse`, the floor of reading", () => JSON.parse(text)],
    ["parsed without loss of digits", () => parseExactJson(text)],
    ["parsed and split into lines", split],
    ["lines written as a record", () => encodeInboundRecord(lines)],
    ["record read into lines", () => decodeInboundRecord(payload, header)],
    ["lines parsed, checked and understood", () => lines.map(({ json }) => interpretLine(json))],
    ["one id of version 7, by the npm package", () => v7()],
  ];
  return { title, columns: ["step", "CPU µs"], rows: steps.map(([name, step]) => [name, timeStep(step, times)]) };
}

/** The median of five slices, after as much warming up. */
function timeStep(step: () => unknown, times: number): number {
  const slice = () => {
    const before = process.cpuUsage();
    for (let count = 0; count < times; count++) step();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / times;
  };
  slice();
  return median(Array.from({ length: 5 }, slice));
}

interface Statement {
  calls: number;
  perMessage: number;
  pages: number;
  wal: number;
  text: string;
}

async function statementsTable(scene: BenchScene): Promise<DetailTable> {
  await countStatements(scene, "pg_stat_statements");
  scene.onEnd(() => countStatements(scene, ""));
  const stored = scene.size(STORED, 500);
  // Postgres counts the time that passes: transactions side by side would be charged with what they wait for.
  const routerEnvironment = { TRANSACTIONS_MAX: "1" };
  const options = { stored, syncAlways: true, withGateway: false, routers: 1, routerEnvironment };
  const design = await startOurs(scene, options);
  const { sql } = design.database;
  const source = createTrafficSource(stored);
  await sql`create extension pg_stat_statements`;
  await timeRouter(design, source.take(scene.size(16_000, 300)));
  await sql`select pg_stat_statements_reset()`;
  const count = scene.size(32_000, 300);
  let statements: Statement[] = [];
  await timeRouter(design, source.take(count), async () => {
    statements = await readStatements(sql, count);
  });
  const sum = (key: "perMessage" | "pages" | "wal") => statements.reduce((total, row) => total + row[key], 0);
  return {
    title: "Statements of the router and the relay, by Postgres's account",
    columns: ["statement", "calls", "µs a message", "pages a message", "WAL bytes a message"],
    rows: [
      ...statements
        .filter(({ perMessage }) => perMessage >= 0.5)
        .map(({ text, calls, perMessage, pages, wal }) => [`\`${text}\``, calls, perMessage, pages, wal]),
      ["all", "", sum("perMessage"), sum("pages"), sum("wal")],
    ],
  };
}

/** The server loads the counter only at its start. */
async function countStatements(scene: BenchScene, library: string): Promise<void> {
  const server = await scene.postgres();
  const sql = connectToDatabase(server.url, { connectionsMax: 1, name: "bench" });
  if (library === "") await sql`alter system reset shared_preload_libraries`;
  else await sql`alter system set shared_preload_libraries = ${sql(library)}`;
  await sql.end({ timeout: 1 });
  await server.restart();
}

function readStatements(sql: Sql, messages: number): Promise<Statement[]> {
  return sql<Statement[]>`
    select calls::int, total_exec_time * 1000 / ${messages}::float8 as "perMessage",
      shared_blks_hit / ${messages}::float8 as pages, (wal_bytes / ${messages})::float8 as wal,
      left(translate(regexp_replace(query, '[[:space:]]+', ' ', 'g'), '|\`', ''), 90) as text
    from pg_stat_statements
    where dbid = (select oid from pg_database where datname = current_database())
    order by total_exec_time desc`.then((rows) => [...rows]);
}
