import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const unitTests = ["libs/*", "services/*", "tools/*", "develop/*"].map((folder) => `${folder}/test/**/*.test.ts`);
const integrationTests = unitTests.map((pattern) => pattern.replace(".test.ts", ".integration.test.ts"));

/** The files that take longest, longest first: they begin first, so that none is still at work when all others are done. */
const LONGEST =
  `start restore model prove last-release cluster chaos catch-up lines permissions hostile console.roles.browser size
  servers half-open inbound live requeue console.browser outcomes stream-damage expiry distribution interleavings`.split(
    /\s+/,
  );

class LongestFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const name = /\/([^/]+)\.integration\.test\.ts$/.exec(moduleId)?.[1] ?? "";
      return LONGEST.includes(name) ? LONGEST.indexOf(name) : LONGEST.length;
    };
    return Promise.resolve(files.toSorted((one, other) => place(one) - place(other)));
  }
}

// Files of one worker share the modules they import, which hold no state. To load them for each file costs half of the unit tests.
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: "unit",
          include: unitTests,
          exclude: [...integrationTests, "**/node_modules/**"],
          testTimeout: 60_000,
          isolate: false,
          maxWorkers: 3,
        },
      },
      {
        test: {
          name: "integration",
          include: integrationTests,
          globalSetup: ["develop/testing/src/global-setup.ts"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          maxWorkers: 3,
          isolate: false,
        },
      },
    ],
  },
});
