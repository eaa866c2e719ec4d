import { readOptions, USAGE, type Options } from "./options.ts";
import { roundsTable, roundText } from "./report.ts";
import { isGood } from "./round.ts";
import { runRounds } from "./run-rounds.ts";

const say = (text: string) => void process.stderr.write(`${text}\n`);

async function prove(options: Options): Promise<void> {
  let number = 0;
  const results = await runRounds({
    ...options,
    onStage: () => say("A stage is set."),
    onRound: (result, { parts }) => {
      number += 1;
      say(roundText(result, number, options.rounds));
      for (const { name, falls } of parts) {
        for (const line of falls.splice(0)) say(`    ${name} ended by itself: ${line.slice(0, 300)}`);
      }
    },
  });
  process.stdout.write(`${roundsTable(results)}\n`);
  if (!results.every(isGood)) process.exitCode = 1;
}

try {
  const options = readOptions(process.argv.slice(2));
  if (typeof options === "string") process.stdout.write(options);
  else await prove(options);
} catch (error) {
  say(
    error instanceof TypeError || error instanceof RangeError || !(error instanceof Error)
      ? String(error)
      : (error.stack ?? ""),
  );
  say(USAGE);
  process.exitCode = 1;
}
// The channel to the bootstrap would keep the process alive.
if (process.connected) process.disconnect();
