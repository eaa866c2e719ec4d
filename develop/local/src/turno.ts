import { ROOT } from "@turno/servers";
import { runCommandLine, UsageFailure } from "@turno/turno";
import process from "node:process";
import { dataFolder, readStackAddress } from "./data-folder.ts";

async function findNatsUrl(): Promise<string> {
  const given = process.env["NATS_URL"];
  if (given !== undefined && given !== "") return given;
  const address = await readStackAddress(dataFolder(ROOT, process.env, process.getuid?.()));
  if (address !== null) return address.natsUrl;
  throw new UsageFailure("no local stack was found: start one with npm start, or say where NATS is with NATS_URL");
}

await runCommandLine({
  calledAs: "npm run turno --",
  whichBroker: "NATS_URL says where; without it the stack of npm start is asked.",
  findNatsUrl,
});
