import { execFile } from "node:child_process";
import { join } from "node:path";
import type { Change } from "./mutations/change.ts";
import { createScratch } from "./mutations/scratch.ts";

/** The product without one of its protections. Rounds of the fault must end with something wrong, or they prove nothing. */
interface Control {
  name: string;
  changes: readonly Change[];
  fault: string;
  rounds: number;
  /** Whether the judge must see effects out of order: nothing else that is taken away leads to them. */
  mustBeOutOfOrder?: boolean;
}

/** What else keeps an update from taking effect twice: it would hide that the fence is gone. */
const NOT_UNIQUE: readonly Change[] = [
  {
    file: "services/router/src/inbound/look-up-known-state.ts",
    find: "knownKeys: new Set(knownKeys),",
    replace: "knownKeys: new Set(knownKeys.slice(0, 0)),",
  },
  {
    file: "libs/database/migrations/0000_initial.sql",
    find: 'CONSTRAINT "messages_key_unique" UNIQUE("key"),',
    replace: `CONSTRAINT "messages_key_unique" CHECK("key" <> ''),`,
  },
];

const CONTROLS: readonly Control[] = [
  {
    name: "the broker syncs every two minutes, its default",
    changes: [
      {
        file: "develop/prove/src/broker.ts",
        find: "export const SYNC_ALWAYS: boolean = true;",
        replace: "export const SYNC_ALWAYS: boolean = false;",
      },
    ],
    fault: "power cut of the broker",
    rounds: 2,
  },
  {
    name: "the gateway answers before the broker acknowledges",
    changes: [
      {
        file: "services/gateway/src/inbound-log.ts",
        find: "return await publisher.publish(subject, payload, options);",
        replace:
          "publisher.publish(subject, payload, options).catch(() => undefined); return { sequence: 1, duplicate: false };",
      },
    ],
    fault: "SIGKILL nats",
    rounds: 3,
  },
  {
    name: "what came before is not known, and its key is not unique",
    changes: NOT_UNIQUE,
    fault: "SIGKILL gateway",
    rounds: 1,
  },
  {
    name: "the fence lets every router commit, and no key stands behind it; Meta repeats nothing",
    changes: [
      ...NOT_UNIQUE,
      { file: "develop/prove/src/stage.ts", find: "repeatShare: 0.05,", replace: "repeatShare: 0," },
      {
        file: "libs/database/src/log/move-positions.ts",
        find: ' and position.owner = ${reader.owner} and position.sequence = move."from"`',
        replace: " `",
      },
    ],
    fault: "SIGSTOP router far from postgres",
    rounds: 6,
    mustBeOutOfOrder: true,
  },
];

export interface ControlResult {
  name: string;
  fault: string;
  /** What the judge said first; null where it found nothing, so that a lack like this one would stay hidden. */
  caughtBy: string | null;
}

/** Takes one protection after the other away, in a copy, and plays rounds there until the judge finds something wrong. */
export async function runControls(seed: number, onResult: (result: ControlResult) => void): Promise<ControlResult[]> {
  const results: ControlResult[] = [];
  for (const { name, changes, fault, rounds, mustBeOutOfOrder = false } of CONTROLS) {
    const scratch = await createScratch();
    try {
      await scratch.apply(changes);
      const args = ["--fault", fault, "--seed", String(seed), "--rounds", String(rounds), "--stop"];
      const said = await play(scratch.folder, args);
      const wrong = mustBeOutOfOrder
        ? OUT_OF_ORDER.exec(said)?.[0].replace(OUT_OF_ORDER, "out of order: $1 effects")
        : said.split("\n").find((line) => WRONG.test(line.trim()));
      const result = { name, fault, caughtBy: wrong?.trim().replaceAll(/[\w=./+:-]{24,}/g, "…") ?? null };
      results.push(result);
      onResult(result);
    } finally {
      await scratch.remove();
    }
  }
  return results;
}

/** In the last line of the table: rounds, messages, lost, doubled, out of order. */
const OUT_OF_ORDER = /\*\*all\*\*(?: \| [\d,]+){4} \| ([1-9][\d,]*) \|/;
const WRONG = /^(lost|doubled|out of order|unfair|broken): /;

function play(folder: string, args: readonly string[]): Promise<string> {
  const command = [join(folder, "develop/prove/src/prove.ts"), ...args];
  return new Promise((resolve) => {
    // A round that ends with something wrong ends the command with a failure: that is what is wanted here.
    execFile(process.execPath, command, { cwd: folder, maxBuffer: 64 * 1024 * 1024 }, (_error, stdout, stderr) =>
      resolve(`${stderr}\n${stdout}`),
    );
  });
}
