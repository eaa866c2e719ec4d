import { html } from "hono/html";

/** Writes an instant in UTC; the script changes it to the reader's own time. */
export const writeTime = (at: string) => html`<time datetime="${at}">${at.slice(0, 16).replace("T", " ")} UTC</time>`;
