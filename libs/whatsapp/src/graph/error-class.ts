/**
 * What a refusal means for the message and for those behind it.
 *
 * - `A` rejected before processing: the same message may be sent again, later.
 * - `B` the outcome is not known: it may have been sent, so it must not be sent again blindly.
 * - `C` the session or a policy forbids this message to this customer.
 * - `D` the request is wrong and will stay wrong.
 * - `E` the template cannot be used.
 * - `F` the business number, `G` the account, `H` the access token cannot send at all until somebody fixes it at Meta.
 * - `G2` the account has to pay: what is charged is refused, answers within the free tier may still go out.
 * - `G3` the account may not write to customers in this one's country. Others are not concerned.
 * - `H2` the permission is missing for this number. The token may be good for all others.
 */
export type GraphErrorClass = "A" | "B" | "C" | "D" | "E" | "F" | "G" | "G2" | "G3" | "H" | "H2";

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
  G: [368, 131031],
  G2: [131042],
  G3: [130497],
  H: [0, 190],
  H2: [3, 10, 131005],
};

const CLASS_OF_CODE = new Map<number, GraphErrorClass>(
  (Object.keys(CODES) as (keyof typeof CODES)[]).flatMap((name) => CODES[name].map((code) => [code, name] as const)),
);

/** Graph's permission errors are a range. Source: Meta, Graph API, "Handling errors". */
const PERMISSION_CODE_MIN = 200;
const PERMISSION_CODE_MAX = 299;

/**
 * Returns the class of an error code. Meta's codes are an open set, and Meta asks to build on the code and not on the HTTP
 * status; `httpStatus` (null for an error that came by webhook) only decides for a code that is not known: 5xx says
 * nothing about the outcome, anything else is a request that fails each time.
 */
export function classifyGraphError(code: number, httpStatus: number | null = null): GraphErrorClass {
  const known = CLASS_OF_CODE.get(code);
  if (known !== undefined) return known;
  if (code >= PERMISSION_CODE_MIN && code <= PERMISSION_CODE_MAX) return "H2";
  return httpStatus !== null && httpStatus >= 500 ? "B" : "D";
}
