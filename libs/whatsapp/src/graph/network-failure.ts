/** Codes that can only come before a request was written. Source: Node's system errors, undici's errors, OpenSSL's verify codes. */
const CONNECT_CODES = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
]);
const CONNECT_CALLS = new Set(["connect", "getaddrinfo"]);

interface SystemError {
  code?: unknown;
  syscall?: unknown;
  name?: unknown;
  cause?: unknown;
  errors?: unknown;
}

/**
 * Returns the code of a failure of `fetch` that happened before anything of the request left, or null for any other
 * failure.
 */
export function connectFailureCause(error: unknown): string | null {
  const failure = rootOf(error);
  if (Array.isArray(failure.errors)) {
    // One try for each address of the host: all of them must have failed to connect.
    const causes = failure.errors.map(connectFailureCause);
    return causes.length > 0 && causes.every((cause) => cause !== null) ? (causes[0] ?? null) : null;
  }
  const code = typeof failure.code === "string" ? failure.code : null;
  if (code === null) return null;
  const isConnecting = typeof failure.syscall === "string" && CONNECT_CALLS.has(failure.syscall);
  // The network may also become unreachable in the middle of a request.
  const isAmbiguous = code === "EHOSTUNREACH" || code === "ENETUNREACH";
  return isConnecting || (CONNECT_CODES.has(code) && !isAmbiguous) ? code : null;
}

/** Returns a short, stable word for a failure of `fetch`: its code, or its kind. */
export function failureCause(error: unknown): string {
  const { code, name } = rootOf(error);
  if (typeof code === "string") return code;
  if (name === "TimeoutError") return "timeout";
  if (name === "AbortError") return "aborted";
  return typeof name === "string" ? name : "failure";
}

/** Returns the error that `fetch` wraps in a `TypeError`. */
function rootOf(error: unknown): SystemError {
  if (typeof error !== "object" || error === null) return {};
  const failure = error as SystemError;
  return typeof failure.cause === "object" && failure.cause !== null ? failure.cause : failure;
}
