import { ROOT } from "@turno/servers";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { rolldown, type Plugin } from "rolldown";
import { bundledService } from "./test-run.ts";

/** Files that a source names by its own place are found from the bundle too. */
const keepPlace: Plugin = {
  name: "keep-place",
  transform: (code, id) =>
    code.includes("import.meta.url")
      ? code.replaceAll("import.meta.url", JSON.stringify(pathToFileURL(id).href))
      : undefined,
};

/**
 * Makes one file of each service and of all that it imports: half of a service's start goes into finding and loading
 * 600 modules, and a test run starts hundreds of services. `npm start`, images and the tests of both run the sources.
 */
export async function bundleServices(folder: string): Promise<void> {
  for (const name of await readdir(join(ROOT, "services"))) {
    const bundle = await rolldown({
      input: join(ROOT, "services", name, "src", "main.ts"),
      platform: "node",
      plugins: [keepPlace],
    });
    await bundle.write({ file: bundledService(folder, name), format: "esm", codeSplitting: false });
    await bundle.close();
  }
}
