/** Where a machine gets Debian's packages from, without its third-party sources. */
export interface DebianSource {
  uris: string[];
  /** A keyring's path, or null where apt's trusted keys are used. */
  signedBy: string | null;
}

interface Entry {
  types: string[];
  uris: string[];
  suites: string[];
  components: string[];
  signedBy: string | null;
}

function words(text: string | undefined): string[] {
  return (text ?? "").split(/\s+/).filter((word) => word !== "");
}

/** The deb822 form: stanzas of `Key: value`, a value going on in lines that start with a blank. */
function parseStanzas(text: string): Entry[] {
  const entries: Entry[] = [];
  for (const stanza of text.split(/\n\s*\n/)) {
    const fields = new Map<string, string>();
    let key = "";
    for (const line of stanza.split("\n")) {
      if (line.startsWith("#") || line.trim() === "") continue;
      const field = /^([A-Za-z-]+):(.*)$/.exec(line);
      if (field === null) fields.set(key, `${fields.get(key) ?? ""}\n${line}`);
      else {
        key = (field[1] ?? "").toLowerCase();
        fields.set(key, field[2] ?? "");
      }
    }
    if (fields.get("enabled")?.trim().toLowerCase() === "no") continue;
    const signedBy = fields.get("signed-by")?.trim() ?? "";
    entries.push({
      types: words(fields.get("types")),
      uris: words(fields.get("uris")),
      suites: words(fields.get("suites")),
      components: words(fields.get("components")),
      // A key written into the stanza itself is not a path.
      signedBy: signedBy.startsWith("/") ? signedBy : null,
    });
  }
  return entries;
}

/** The one-line form: `deb [option=value …] uri suite component…`. */
function parseLines(text: string): Entry[] {
  const entries: Entry[] = [];
  for (const line of text.split("\n")) {
    const found = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]+)/.exec(line);
    if (found === null) continue;
    const [, options, uri, suite, components] = found;
    const signedBy = words(options).find((option) => option.startsWith("signed-by="));
    entries.push({
      types: ["deb"],
      uris: words(uri),
      suites: words(suite),
      components: words(components),
      signedBy: signedBy?.slice("signed-by=".length) ?? null,
    });
  }
  return entries;
}

function isDebians(entry: Entry, codename: string): boolean {
  const hasSuite = entry.suites.some((suite) => suite === codename || suite === "stable" || suite === "testing");
  const isArchive =
    entry.uris.some((uri) => /\/debian(\/|$)/.test(uri)) || entry.signedBy?.includes("debian-archive-keyring") === true;
  return entry.types.includes("deb") && hasSuite && entry.components.includes("main") && isArchive;
}

/**
 * Finds the machine's own Debian source among its source files. `codename` is the release's, e.g. `bookworm`.
 * A third party's source never has all three: the codename as its suite, `main`, and a Debian archive's address.
 */
export function findDebianSource(
  files: readonly { name: string; text: string }[],
  codename: string,
): DebianSource | null {
  for (const file of files) {
    const entries = file.name.endsWith(".sources") ? parseStanzas(file.text) : parseLines(file.text);
    const found = entries.find((entry) => isDebians(entry, codename));
    if (found !== undefined) return { uris: found.uris, signedBy: found.signedBy };
  }
  return null;
}

/** A source file for the same archive's testing suite. */
export function writeTestingSource(source: DebianSource): string {
  const lines = ["Types: deb", `URIs: ${source.uris.join(" ")}`, "Suites: testing", "Components: main"];
  if (source.signedBy !== null) lines.push(`Signed-By: ${source.signedBy}`);
  return `${lines.join("\n")}\n`;
}
