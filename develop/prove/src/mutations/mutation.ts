import type { Change } from "./change.ts";

/** The product with one guarantee broken, and the tests of which one must fail by it. */
export interface Mutation {
  /** What the table of invariants in ARCHITECTURE.md says must hold, word for word. */
  guarantee: string;
  /** What is broken, in a few words. */
  what: string;
  changes: readonly Change[];
  /** Test files. The first that fails is enough. */
  tests: readonly string[];
}
