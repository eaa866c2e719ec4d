import { spawnSync } from "node:child_process";
import process from "node:process";
import { describe, expect, it } from "vitest";

const run = (...args: string[]) =>
  spawnSync(process.execPath, args, { cwd: new URL("../../..", import.meta.url), encoding: "utf8", timeout: 60_000 });

/** A flag that is overlooked makes somebody believe that it did something. */
describe("an unknown flag is refused with the usage", () => {
  it.each(["start", "test", "verify", "attack", "fuzz", "turno", "bench"])("by npm run %s", (command) => {
    const { status, stdout, stderr } = run("develop/local/bootstrap.mjs", command, "--quik");
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/--quik/);
    expect(stderr).toMatch(/^npm (start|test|run (verify|attack|fuzz|turno|bench))/m);
  });

  it("by the operators' tool, as the image runs it", () => {
    const { status, stdout, stderr } = run("tools/turno/src/main.ts", "--quik");
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/--quik/);
    expect(stderr).toMatch(/^node tools\/turno\/src\/main\.ts <command>$/m);
  });

  it.each(["gateway", "router", "session-tracker", "sender", "inbox", "provisioner"])(
    "by the service %s",
    (service) => {
      const { status, stdout, stderr } = run(`services/${service}/src/main.ts`, "--port=8080");
      expect([status, stdout]).toEqual([2, ""]);
      expect(stderr).toMatch(/takes no arguments, and was given: --port=8080/);
    },
  );
});
