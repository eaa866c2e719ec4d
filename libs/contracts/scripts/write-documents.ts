import { writeFileSync } from "node:fs";
import { writeAsyncApiDocument, writeEventsDocument } from "../src/document.ts";
import { writeNatsPermissions } from "../src/nats-permissions.ts";
import { writeSetupFileSchema } from "../src/setup-file.ts";

const root = new URL("../../../", import.meta.url);
const docs = new URL("docs/", root);
writeFileSync(new URL("events.md", docs), writeEventsDocument());
writeFileSync(new URL("asyncapi.json", docs), writeAsyncApiDocument());
writeFileSync(new URL("turno.schema.json", docs), writeSetupFileSchema());
writeFileSync(new URL("deploy/nats/nats-permissions.conf", root), writeNatsPermissions());
