/**
 * Finds the items because of which a batch cannot take effect, each with what was thrown, by halving. `attempt` applies
 * some of them and keeps nothing; `isPoison` says whether what it throws can follow from an item.
 */
export async function findPoison<T>(
  items: readonly T[],
  attempt: (items: readonly T[]) => Promise<void>,
  isPoison: (error: unknown) => boolean,
): Promise<Map<T, unknown>> {
  const thrown = await tryOut(items, attempt, isPoison);
  if (thrown === null) return new Map();
  if (items.length === 1) {
    // What does not come again is nobody's fault: a connection that broke may throw anything.
    const again = await tryOut(items, attempt, isPoison);
    return new Map(again === null ? [] : items.map((item) => [item, again.error]));
  }
  const middle = items.length >> 1;
  const first = await findPoison(items.slice(0, middle), attempt, isPoison);
  const second = await findPoison(items.slice(middle), attempt, isPoison);
  if (first.size + second.size > 0) return new Map([...first, ...second]);
  const again = await tryOut(items, attempt, isPoison);
  return again === null ? new Map() : findLast(items, middle, { attempt, isPoison, thrown: again });
}

/** Where the halves pass, and only together do not: the item with which the batch no longer passes, as it grows, is the one. */
async function findLast<T>(
  items: readonly T[],
  passing: number,
  how: {
    attempt: (items: readonly T[]) => Promise<void>;
    isPoison: (error: unknown) => boolean;
    thrown: { error: unknown };
  },
): Promise<Map<T, unknown>> {
  let [low, high, { thrown }] = [passing, items.length, how];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    const here = await tryOut(items.slice(0, middle), how.attempt, how.isPoison);
    if (here === null) low = middle;
    else [high, thrown] = [middle, here];
  }
  return new Map(items.slice(low, high).map((item) => [item, thrown.error]));
}

async function tryOut<T>(
  items: readonly T[],
  attempt: (items: readonly T[]) => Promise<void>,
  isPoison: (error: unknown) => boolean,
): Promise<{ error: unknown } | null> {
  if (items.length === 0) return null;
  try {
    await attempt(items);
    return null;
  } catch (error) {
    if (!isPoison(error)) throw error;
    return { error };
  }
}
