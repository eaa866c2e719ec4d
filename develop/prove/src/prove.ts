import { runControls } from "./controls.ts";
import type { ServicePart } from "./part.ts";
import { readProveOptions, PROVE_USAGE, type ProveOptions } from "./options.ts";
import { markdownTable, roundsTable, roundText, writeSection } from "./report.ts";
import { isGood, isIntact } from "./round.ts";
import { runRounds } from "./run-rounds.ts";

const say = (text: string) => void process.stderr.write(`${text}\n`);

async function prove(options: ProveOptions): Promise<void> {
  let number = 0;
  const results = await runRounds({
    ...options,
    onStage: () => say("A stage is set."),
    onRound: (result, { parts }) => {
      number += 1;
      say(roundText(result, number, options.rounds));
      if (!isIntact(result)) for (const part of parts) sayFailures(part);
      for (const { name, falls } of parts) {
        for (const line of falls.splice(0)) say(`    ${name} ended by itself: ${line.slice(0, 300)}`);
      }
    },
  });
  const table = roundsTable(results);
  process.stdout.write(`${table}\n`);
  if (options.isForTheRecord) await writeSection("rounds", `Seeds from ${options.seed}.\n\n${table}`);
  if (!results.every(isGood)) process.exitCode = 1;
}

/** What a process said went wrong, last. */
function sayFailures(part: ServicePart): void {
  const failures = part.logs().filter((line) => /"level":[456]0/.test(line));
  for (const line of failures.slice(-2)) say(`    ${part.name} said: ${line.slice(0, 400)}`);
}

/** Shows that the judge notices what is missing. */
async function control({ seed }: ProveOptions): Promise<void> {
  const results = await runControls(seed, ({ name, caughtBy }) => say(`${name}: ${caughtBy ?? "NOT CAUGHT"}`));
  const rows = results.map(({ name, fault, caughtBy }) => [name, fault, caughtBy ?? "**nothing**"]);
  const table = markdownTable(["taken away", "fault", "what the judge said first"], rows);
  process.stdout.write(`${table}\n`);
  await writeSection("controls", table);
  if (results.some(({ caughtBy }) => caughtBy === null)) process.exitCode = 1;
}

try {
  const options = readProveOptions(process.argv.slice(2));
  if (typeof options === "string") process.stdout.write(options);
  else if (options.isControl) await control(options);
  else await prove(options);
} catch (error) {
  say(
    error instanceof TypeError || error instanceof RangeError || !(error instanceof Error)
      ? String(error)
      : (error.stack ?? ""),
  );
  say(PROVE_USAGE);
  process.exitCode = 1;
}
// The channel to the bootstrap would keep the process alive.
if (process.connected) process.disconnect();
