import { html } from "hono/html";
import { randomUUID } from "node:crypto";
import type { Refused } from "./read-page.ts";

export type Html = ReturnType<typeof html>;

/** Writes the one place on a page that says what was not done, and why. It stays when the page renews itself. */
export const refusalOf = (detail: string): Html =>
  html`<p class="refusal" id="refusal" role="alert" data-kept>${detail}</p>`;

/** Writes forms, each with its refusal and what had been filled in. */
export interface FormWriter {
  form: (options: {
    /** The form's name, unique on the page. */
    name: string;
    action: string;
    button: string;
    fields?: Html;
    method?: "get" | "post";
    kind?: "main" | "quiet" | "grave";
    /** The accessible label, if the button's text needs its surroundings. */
    label?: string;
  }) => Html;
  /** Returns what was filled into a field of a refused form, or the default. */
  given: (form: string, field: string, otherwise?: string) => string;
  /** Returns whether a form has shown the refusal. */
  hasTold: () => boolean;
}

export function createFormWriter(refused: Refused | null): FormWriter {
  let isTold = false;
  const tell = (name: string): Html | "" => {
    if (refused === null || refused.form !== name) return "";
    isTold = true;
    return refusalOf(refused.detail);
  };
  const keyOf = (name: string) =>
    refused?.form === name && !refused.isOutcomeKnown ? (refused.given["key"] ?? randomUUID()) : randomUUID();
  const key = (name: string): Html => html`<input type="hidden" name="key" value="${keyOf(name)}" />`;
  return {
    hasTold: () => isTold,
    form: ({ name, action, button, fields = "", method = "post", kind = "quiet", label = button }) => html`
      <form id="form-${name}" method="${method}" action="${action}">
        <input type="hidden" name="form" value="${name}" />${method === "post" ? key(name) : ""}${fields}
        <button class="${kind}" aria-label="${label}">${button}</button>
        ${tell(name)}
      </form>
    `,
    given: (form, field, otherwise = "") => (refused?.form === form ? (refused.given[field] ?? "") : otherwise),
  };
}
