import { html } from "hono/html";
import type { Refused } from "./read-page.ts";

export type Html = ReturnType<typeof html>;

/** The one place on a page where it says what was not done, and why. Kept while the page renews itself. */
export const refusalOf = (detail: string): Html =>
  html`<p class="refusal" id="refusal" role="alert" data-kept>${detail}</p>`;

/** Writes forms, each with what was refused to it and what had been filled in. */
export interface FormWriter {
  form: (options: {
    /** Unique on the page; a form is known by it. */
    name: string;
    action: string;
    button: string;
    fields?: Html;
    method?: "get" | "post";
    kind?: "main" | "quiet" | "grave";
    /** For who does not see what stands beside it. */
    label?: string;
  }) => Html;
  /** What was filled into a field of a refused form, or what stands there by default. */
  given: (form: string, field: string, otherwise?: string) => string;
  /** Whether a form has told what was refused. */
  hasTold: () => boolean;
}

export function createFormWriter(refused: Refused | null): FormWriter {
  let isTold = false;
  const tell = (name: string): Html | "" => {
    if (refused === null || refused.form !== name) return "";
    isTold = true;
    return refusalOf(refused.detail);
  };
  return {
    hasTold: () => isTold,
    form: ({ name, action, button, fields = "", method = "post", kind = "quiet", label = button }) => html`
      <form id="form-${name}" method="${method}" action="${action}">
        <input type="hidden" name="form" value="${name}" />${fields}
        <button class="${kind}" aria-label="${label}">${button}</button>
        ${tell(name)}
      </form>
    `,
    given: (form, field, otherwise = "") => (refused?.form === form ? (refused.given[field] ?? "") : otherwise),
  };
}
