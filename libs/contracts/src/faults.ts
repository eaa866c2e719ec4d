/** What a schema found wrong: where, and which rule. Never the value. */
interface NamedFault {
  field: string;
  rule: string;
}

const FAULTS_MAX = 20;
/** A rule that lists what was given, such as all members that are unknown, is as long as what was given. */
const RULE_LENGTH_MAX = 300;
const FIELD_LENGTH_MAX = 200;

/**
 * Returns a schema's issues as faults, and the words for a person. `what` names the whole, such as `command`, and
 * `place` stands for a field where the whole is wrong. Both are bounded, however much was wrong.
 */
export function describeFaults(
  issues: readonly { path: readonly PropertyKey[]; message: string }[],
  what: string,
  place = what,
): { message: string; faults: NamedFault[] } {
  const faults = issues.slice(0, FAULTS_MAX).map(({ path, message }) => ({
    field: cut(path.map(String).join("."), FIELD_LENGTH_MAX) || `(${place})`,
    rule: cut(message, RULE_LENGTH_MAX),
  }));
  const more = issues.length > FAULTS_MAX ? `; and ${issues.length - FAULTS_MAX} more` : "";
  return { message: `The ${what} is not valid: ${faults.map(toWords).join("; ")}${more}`, faults };
}

const cut = (text: string, lengthMax: number) => (text.length > lengthMax ? `${text.slice(0, lengthMax)}…` : text);

const toWords = ({ field, rule }: NamedFault) => `${field}: ${rule}`;
