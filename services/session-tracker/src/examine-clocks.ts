import { soundCheck, wrongCheck, type Check } from "@turno/contracts";
import { clockDoubt } from "@turno/conversation";
import { readClocks, type DatabaseClocks, type Sql } from "@turno/database";

/** Compares the clocks by which conversations expire with Meta's newest timestamps and the routers' watermarks. */
export async function examineClocks(sql: Sql, toleranceMs: number): Promise<Check[]> {
  const hostFrom = Date.now();
  const { clocks } = await sql.begin((tx) => readClocks(tx));
  return [judgeClocks(clocks, { hostFrom, hostTo: Date.now(), toleranceMs })];
}

/** Judges one look at the clocks, in milliseconds. */
export function judgeClocks(
  clocks: DatabaseClocks,
  { hostFrom, hostTo, toleranceMs }: { hostFrom: number; hostTo: number; toleranceMs: number },
): Check {
  const meta = clocks.meta === null ? "no message yet" : `newest message ${new Date(clocks.meta).toISOString()}`;
  const looked = `the clocks of host, database and rules, and Meta's timestamps (${meta})`;
  const wrong = clockDoubt({ ...clocks, hostFrom, hostTo, elapsed: 0 }, null, toleranceMs);
  if (wrong === null) return soundCheck("clocks", looked);
  const advice = 'Set the clocks right by a time service such as NTP. See "The clocks disagree" in docs/runbook.md.';
  return wrongCheck("clocks", looked, { wrong, advice });
}
