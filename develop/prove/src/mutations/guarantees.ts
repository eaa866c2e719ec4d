/** What must hold, by the table of invariants of ARCHITECTURE.md. */
export function listGuarantees(architecture: string): string[] {
  const section = architecture.split(/^## /m).find((text) => text.startsWith("Invariants")) ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("| "));
  return rows.slice(2).map((line) => line.split(" | ")[0]?.slice(2).trim() ?? "");
}
