import process from "node:process";
import { runCommandLine } from "./command-line.ts";
import { UsageFailure } from "./request.ts";

await runCommandLine({
  calledAs: "node tools/turno/src/main.ts",
  whichBroker: "NATS_URL says where, and as which user.",
  findNatsUrl: () => {
    const url = process.env["NATS_URL"] ?? "";
    if (url === "") throw new UsageFailure("NATS_URL is not set: nats://cli:<password>@<host>:4222");
    return Promise.resolve(url);
  },
});
