/** What takes its turn: whom it concerns, and how it stands to the others (kept by the order, 0 and [] at first). */
export interface Ordered {
  readonly customers: ReadonlySet<number>;
  blockers: number;
  dependents: this[];
}

export interface CustomerOrder<Item extends Ordered> {
  /** Puts an item behind the earlier ones of its customers. True where there is none, so that it may go at once. */
  enter(item: Item): boolean;
  /** Takes an item out that is done and gives those that may go now. */
  leave(item: Item): Item[];
}

/** Lets items of different customers go side by side and those of the same customer one after the other, at constant cost. */
export function createCustomerOrder<Item extends Ordered>(): CustomerOrder<Item> {
  const latestOf = new Map<number, Item>();
  return {
    enter(item) {
      for (const customer of item.customers) {
        const earlier = latestOf.get(customer);
        // An item that shares several customers with an earlier one waits for it once.
        if (earlier !== undefined && earlier.dependents.at(-1) !== item) {
          earlier.dependents.push(item);
          item.blockers += 1;
        }
        latestOf.set(customer, item);
      }
      return item.blockers === 0;
    },
    leave(item) {
      for (const customer of item.customers) {
        if (latestOf.get(customer) === item) latestOf.delete(customer);
      }
      const free: Item[] = [];
      for (const dependent of item.dependents) {
        dependent.blockers -= 1;
        if (dependent.blockers === 0) free.push(dependent);
      }
      item.dependents = [];
      return free;
    },
  };
}
