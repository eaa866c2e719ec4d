import { actsEverywhere, type CommandRequest } from "@turno/contracts";
import { refuse, type Refusal } from "@turno/conversation";
import { asJson, excluded, isAnyOf, typed, type Transaction } from "@turno/database";
import { programGroups, programs } from "@turno/database/schema";

type NamedProgram = CommandRequest<"configure">["programs"][number];

/** Returns why one of these is no program, or null. Nobody shall believe that one of our services was limited. */
export function refuseOwnService(named: readonly NamedProgram[]): Refusal | null {
  const own = named.find(({ name }) => actsEverywhere(name));
  if (own === undefined) return null;
  return refuse("invalid", `programs.name: ${own.name} is a part of Turno and acts in every group.`, {
    section: "programs",
    id: own.name,
  });
}

/** Writes in which groups programs act: those given and no others. */
export async function writePrograms(tx: Transaction, named: readonly NamedProgram[]): Promise<void> {
  if (named.length === 0) return;
  const rows = named
    .map(({ name, groupIds }) => ({ name, inAllGroups: groupIds === "all" }))
    .toSorted((left, right) => (left.name < right.name ? -1 : 1));
  const set = excluded(programs, "inAllGroups");
  await typed(tx).insert(programs).values(rows).onConflictDoUpdate({ target: programs.name, set });
  const names = named.map(({ name }) => name);
  await typed(tx).delete(programGroups).where(isAnyOf(programGroups.programName, names));
  const given = named.flatMap(({ name, groupIds }) =>
    groupIds === "all" ? [] : groupIds.map((groupId) => ({ programName: name, groupId })),
  );
  await tx`
    insert into program_groups (program_name, group_id)
    select "programName", "groupId"
    from json_to_recordset(${asJson(given)}::text::json) as given("programName" text, "groupId" uuid)
    on conflict do nothing`;
}
