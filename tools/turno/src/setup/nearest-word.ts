/** Returns the number of letters to change, add or leave out between two words. */
function distanceBetween(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= right.length; j += 1) {
      const changed = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

/** Words longer than any of ours are not compared: the work would grow with their square. */
const LENGTH_MAX = 100;

/** Returns the word that was probably meant, or null where none is near. */
export function nearestWord(given: string, words: readonly string[]): string | null {
  if (given.length > LENGTH_MAX) return null;
  const wanted = given.toLowerCase();
  const [nearest] = words
    .map((word) => ({ word, distance: distanceBetween(wanted, word.toLowerCase()) }))
    .toSorted((left, right) => left.distance - right.distance);
  return nearest !== undefined && nearest.distance <= Math.max(2, given.length / 3) ? nearest.word : null;
}
