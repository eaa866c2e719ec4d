import type { FuzzTarget } from "../target.ts";
import { createBodyTarget } from "./body.ts";
import { createCommandTarget } from "./command.ts";
import { createRecordTarget } from "./record.ts";
import { createSplitterTarget } from "./splitter.ts";
import { createStatusTarget } from "./status.ts";

/** The readers of what comes from outside. */
export const TARGETS: Readonly<Record<string, () => FuzzTarget>> = {
  body: createBodyTarget,
  splitter: createSplitterTarget,
  record: createRecordTarget,
  command: createCommandTarget,
  status: createStatusTarget,
};
