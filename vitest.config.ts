import { defineConfig } from "vitest/config";

const unitTests = ["libs/*", "services/*", "tools/*", "develop/*"].map((folder) => `${folder}/test/**/*.test.ts`);
const integrationTests = unitTests.map((pattern) => pattern.replace(".test.ts", ".integration.test.ts"));

// Files of one worker share the modules they import, which hold no state. To load them for each file costs half of the unit tests.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: unitTests,
          exclude: [...integrationTests, "**/node_modules/**"],
          testTimeout: 60_000,
          isolate: false,
          sequence: { groupOrder: 1 },
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
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
