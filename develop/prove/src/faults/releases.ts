import type { NatsUser } from "@turno/contracts";
import { findLastRelease, unpackRelease } from "@turno/servers";
import { between, pick } from "@turno/simulator";
import { rm } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import type { Fault } from "../fault.ts";

const SERVICES: readonly NatsUser[] = ["gateway", "router", "session-tracker", "sender", "inbox"];

/** Of each service a process becomes the last release's for a while, as in an upgrade that is rolled out and rolled back. */
const rollBack: Fault = {
  name: "the last release beside this one",
  excuses: [],
  play: async ({ stage, random }) => {
    const release = await unpackRelease(await findLastRelease());
    try {
      const parts = SERVICES.map((service) =>
        pick(
          random,
          stage.parts.filter((part) => part.service === service),
        ),
      );
      for (const part of parts) {
        await part.kill("SIGKILL");
        await part.start(release);
      }
      await pause(between(random, 2_000, 5_000));
      for (const part of parts) {
        await part.kill("SIGKILL");
        await part.start();
      }
    } finally {
      await rm(release, { recursive: true });
    }
  },
};

export const RELEASE_FAULTS: readonly Fault[] = [rollBack];
