/**
 * What a refusal means for the message and for those behind it.
 *
 * - `A` rejected before processing: the same message may be sent again, later.
 * - `B` the outcome is not known: it may have been sent, so it must not be sent again blindly.
 * - `C` the session or a policy forbids this message to this customer.
 * - `D` the request is wrong and will stay wrong.
 * - `E` the template cannot be used.
 * - `F` the business number, `G` the account, `H` the token cannot send at all until somebody mends it.
 */
export type GraphErrorClass = "A" | "B" | "C" | "D" | "E" | "F" | "G" | "H";

/** Meta's error codes by class. Source: Meta, Cloud API, "Error codes". */
const CODES: Readonly<Record<GraphErrorClass, readonly number[]>> = {
  A: [4, 80007, 130429, 131056, 131057, 2494100],
  B: [1, 2, 131000, 131016, 133004],
  C: [131047, 131049, 131050, 130472, 131026, 130403, 131048, 131064, 131065, 131070, 138038],
  D: [
    100, 131008, 131009, 131021, 131030, 131051, 131052, 131053, 131055, 131061, 131062, 131063, 132000, 132005, 132007,
    132012, 132018, 132068, 132069, 134100, 134101, 134102, 135000, 139200,
  ],
  E: [132001, 132015, 132016],
  F: [33, 131037, 131045, 133000, 133005, 133006, 133007, 133008, 133009, 133010, 133015, 133016, 134011],
  G: [368, 130497, 131031, 131042],
  H: [0, 3, 10, 190, 131005],
};

const CLASS_OF_CODE = new Map<number, GraphErrorClass>(
  (Object.keys(CODES) as (keyof typeof CODES)[]).flatMap((name) => CODES[name].map((code) => [code, name] as const)),
);

/** Graph's permission errors are a range. Source: Meta, Graph API, "Handling errors". */
const PERMISSION_CODE_MIN = 200;
const PERMISSION_CODE_MAX = 299;

/**
 * The class of an error code. Meta's codes are an open set, and Meta asks to build on the code and not on the HTTP
 * status; `httpStatus` (null for an error that came by webhook) only decides for a code that is not known: 5xx says
 * nothing about the outcome, anything else is a request that fails each time.
 */
export function classifyGraphError(code: number, httpStatus: number | null = null): GraphErrorClass {
  const known = CLASS_OF_CODE.get(code);
  if (known !== undefined) return known;
  if (code >= PERMISSION_CODE_MIN && code <= PERMISSION_CODE_MAX) return "H";
  return httpStatus !== null && httpStatus >= 500 ? "B" : "D";
}
