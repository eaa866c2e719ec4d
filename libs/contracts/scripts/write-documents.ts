import { writeFileSync } from "node:fs";
import { writeAsyncApiDocument, writeEventsDocument } from "../src/document.ts";

const docs = new URL("../../../docs/", import.meta.url);
writeFileSync(new URL("events.md", docs), writeEventsDocument());
writeFileSync(new URL("asyncapi.json", docs), writeAsyncApiDocument());
