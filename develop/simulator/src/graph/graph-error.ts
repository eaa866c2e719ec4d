import { type Json } from "../json.ts";

/** What Graph says about one error code. `httpStatus` is no part of Meta's promise: callers should build on the code. */
interface ErrorFacts {
  httpStatus: number;
  title: string;
  details: string;
}

const errors = new Map<number, ErrorFacts>();
function define(httpStatus: number, facts: Record<number, [title: string, details: string]>): void {
  for (const [code, [title, details]] of Object.entries(facts))
    errors.set(Number(code), { httpStatus, title, details });
}

// Codes and titles by Meta's page of error codes; the details in our words where Meta's are not fixed.
define(400, {
  4: ["Application request limit reached", "The app has reached its API call rate limit."],
  33: ["Parameter value is not valid", "The business phone number has been deleted."],
  80007: ["Rate limit issues", "The WhatsApp Business Account has reached its rate limit."],
  100: ["Invalid parameter", "The request has an unsupported or misspelled parameter."],
  130429: ["Rate limit hit", "Cloud API message throughput has been reached."],
  130472: ["User's number is part of an experiment", "Message was not sent as part of an experiment."],
  130403: ["Business blocked user", "The business has blocked this user."],
  131008: ["Required parameter is missing", "A required parameter is missing."],
  131009: ["Parameter value is not valid", "One or more parameter values are invalid."],
  131021: ["Recipient cannot be sender", "Sender and recipient phone number is the same."],
  131026: ["Message undeliverable", "Unable to deliver message."],
  131030: ["Recipient phone number not in allowed list", "Add the recipient to the allowed list."],
  131037: ["Display name approval required", "The number needs an approved display name."],
  131042: ["Business eligibility payment issue", "There was an error related to your payment method."],
  131047: [
    "Re-engagement message",
    "Message failed to send because more than 24 hours have passed since the customer last replied to this number.",
  ],
  131048: ["Spam rate limit hit", "Too many messages from this number were blocked or flagged as spam."],
  131049: [
    "This message was not delivered to maintain healthy ecosystem engagement.",
    "In order to maintain a healthy ecosystem engagement, the message failed to be delivered.",
  ],
  131050: ["User has stopped marketing messages", "The recipient has chosen to stop marketing messages."],
  131051: ["Unsupported message type", "Message type is currently not supported."],
  131052: ["Media download error", "Unable to download the media sent by the user."],
  131053: ["Media upload error", "Unable to upload the media used in the message."],
  131055: ["Method not allowed", "This kind of message is not allowed here."],
  131056: ["Pair rate limit hit", "Too many messages from this number to the same recipient in a short time."],
  131061: ["Feature not available", "The feature is not available to this number."],
  131062: ["Business-scoped user id is not supported for this message", "This message needs a phone number."],
  131063: ["Recipient not supported", "This recipient cannot be written to in this way."],
  131064: ["Classification limit reached", "The message was classified above the allowed limit."],
  131065: ["Maximum price exceeded", "The message would cost more than the set maximum."],
  131070: ["Not the thread owner", "Another responder controls this thread."],
  132000: [
    "Number of parameters does not match the expected number of params",
    "Parameters do not match the template.",
  ],
  132005: ["Template hydrated text too long", "The translated text is too long."],
  132007: ["Template format character policy violated", "The template content violates a policy."],
  132012: ["Template parameter format mismatch", "Parameter values are formatted incorrectly."],
  132015: ["Template is paused", "The template is paused due to low quality."],
  132016: ["Template is disabled", "The template was paused too many times due to low quality."],
  132018: ["Template parameters are invalid", "The parameters of the template cannot be used."],
  132068: ["Flow is blocked", "The flow is in blocked state."],
  132069: ["Flow is throttled", "The flow is in throttled state."],
  133005: ["Two step verification PIN mismatch", "The two-step verification PIN is incorrect."],
  133006: ["Phone number re-verification needed", "The phone number needs to be verified before registering."],
  133008: ["Too many two step verification PIN guesses", "Too many guesses of the PIN for this phone number."],
  133009: ["Two step verification PIN guessed too fast", "The PIN was entered too quickly."],
  133010: ["Account not registered", "The phone number is not registered."],
  133015: ["Please wait a few minutes before attempting to register this phone number", "Wait a few minutes."],
  133016: ["Account register deregister rate limit exceeded", "Too many registrations of this phone number."],
  134011: ["Payments terms of service not accepted", "The terms of service of payments are not accepted."],
  134100: ["Only marketing messages supported", "The template is not of the category marketing."],
  134101: ["Template is syncing", "Wait up to ten minutes after the template was made."],
  134102: ["Template cannot be used", "The template is not eligible for marketing messages."],
  135000: ["Generic user error", "Message failed to send because of an unknown error with the parameters."],
});
define(401, {
  0: ["AuthException", "We were unable to authenticate the app user."],
  190: ["Invalid OAuth access token", "Cannot parse access token."],
});
define(403, {
  10: ["Application does not have permission for this action", "The permission is not granted or was removed."],
  200: ["Permissions error", "The permission is not granted or was removed."],
  230: ["Permissions error", "The permission to send messages is not granted."],
  299: ["Permissions error", "The permission is not granted or was removed."],
  368: ["Temporarily blocked for policies violations", "The account has been restricted for a policy violation."],
  130497: [
    "Business account is restricted from messaging users in this country",
    "Business account is restricted from messaging users in this country.",
  ],
  131005: ["Access denied", "The permission is not granted or was removed."],
  131031: ["Business Account locked", "Business Account has been locked."],
});
define(404, {
  132001: ["Template name does not exist in the translation", "The template does not exist in the language."],
});
define(500, {
  1: ["API Unknown", "An unknown error occurred."],
  3: ["API Method", "Capability or permissions issue."],
  131000: ["Something went wrong", "Message failed to send due to an unknown error."],
  131016: ["Service unavailable", "A service is temporarily unavailable."],
  131045: ["Incorrect certificate", "Message failed to send due to a phone number registration error."],
  133000: ["Incomplete deregistration", "A previous deregistration attempt failed."],
});
define(503, {
  2: ["API Service", "Temporary due to downtime or overload."],
  131057: ["Account in maintenance mode", "The account is in maintenance mode."],
  2494100: ["Account in maintenance mode", "The phone number is being moved."],
  133004: ["Server temporarily unavailable", "Server is temporarily unavailable."],
});

/** The codes that this server can answer with. */
export const GRAPH_ERROR_CODES: readonly number[] = [...errors.keys()];

const tokenCodes = new Set([0, 190]);
const transientCodes = new Set([1, 2, 4, 80007, 131000, 131016, 133004]);

/** Title and details of a code. Throws a `RangeError` for one that the table does not have. */
export function errorFacts(code: number): ErrorFacts {
  const facts = errors.get(code);
  if (facts === undefined) throw new RangeError(`error code ${code} is not in the table`);
  return facts;
}

/** An error answer in Graph's shape, by Meta's page of error codes. `traceId` is Meta's name for the request. */
export function graphErrorBody(code: number, details: string | undefined, traceId: string): Json {
  const facts = errorFacts(code);
  return {
    error: {
      message: `(#${code}) ${facts.title}`,
      type: code === 100 || tokenCodes.has(code) || code >= 1_000 ? "OAuthException" : "GraphMethodException",
      code,
      error_data: { messaging_product: "whatsapp", details: details ?? facts.details },
      is_transient: transientCodes.has(code) ? true : undefined,
      fbtrace_id: traceId,
    },
  };
}
