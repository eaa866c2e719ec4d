/** A change of one place in one file. `find` must stand in it exactly once. */
export interface Change {
  file: string;
  find: string;
  replace: string;
}

/** Makes the change. Throws where its anchor is not found, or more than once: the code has moved on and the change with it. */
export function replaceOnce(text: string, { file, find, replace }: Change): string {
  const count = text.split(find).length - 1;
  if (count !== 1) throw new Error(`${file} holds the anchor ${count} times instead of once: ${JSON.stringify(find)}`);
  return text.replace(find, () => replace);
}
