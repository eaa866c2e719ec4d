import { isDefect } from "@turno/runtime";
import { HTTPException } from "hono/http-exception";
import { toProblem } from "./problem.ts";

export interface ErrorListeners {
  onFailure: (error: unknown) => void;
  onDefect: (error: unknown) => void;
}

/** Answers what a route threw. A failure of the world may pass; a defect is told as ours. Neither says more to a caller. */
export function answerError(error: unknown, listeners: ErrorListeners): Response {
  // What the framework refuses, such as a form of another site, has its answer with it.
  if (error instanceof HTTPException) return error.getResponse();
  if (isDefect(error)) {
    listeners.onDefect(error);
    return toProblem({ code: "defect", message: "This is a fault of ours; it was noted." });
  }
  listeners.onFailure(error);
  return toProblem({ code: "unavailable", message: "This cannot be done now. Send the request again in a moment." });
}
