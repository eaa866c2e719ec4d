import { createRandom } from "@turno/simulator";
import { expect, test } from "vitest";
import { readCorpus } from "../src/corpus.ts";
import { executeOnce, search } from "../src/search.ts";
import { TARGETS } from "../src/targets/index.ts";

const SEED = Number(process.env["TEST_SEED"] ?? Date.now() % 1_000_000);
const EXECUTIONS = 2_000;

test.each(Object.entries(TARGETS))(
  `the reader of a %s keeps its promises for the corpus, and for ${EXECUTIONS} new inputs (TEST_SEED=${SEED})`,
  async (name, create) => {
    const target = create();
    const corpus = readCorpus(name);
    expect(corpus.length).toBeGreaterThan(10);
    const broken: string[] = [];
    for (const input of corpus) {
      const { finding } = await executeOnce(target, input);
      if (finding !== null) broken.push(`${finding.name}: ${JSON.stringify(input.toString("latin1"))}`);
    }
    expect(broken).toEqual([]);
    const given = [...target.seeds(), ...corpus];
    const state = await search({
      target,
      corpus: given,
      executions: EXECUTIONS,
      random: createRandom(SEED),
      coverage: null,
    });
    expect(state.findings.map(({ name: what, input }) => [what, input.toString("latin1")])).toEqual([]);
    expect(state.executions).toBe(EXECUTIONS + given.length);
  },
);
