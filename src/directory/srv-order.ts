/** The order in which the servers of SRV records are tried (RFC 2782): by priority, and within one priority at random by weight. */

export interface WeightedServer {
  readonly name: string;
  /** The lower goes first. */
  readonly priority: number;
  readonly weight: number;
}

/**
 * The first `atMost` of them, each name once. `preferred` goes before all others of its priority. `random`: at least 0, below 1.
 */
export function inOrder(
  records: readonly WeightedServer[],
  { preferred, atMost, random }: { readonly preferred?: string | undefined; readonly atMost: number; readonly random: () => number },
): readonly string[] {
  const chosen = new Set<string>();
  const byPriority = Map.groupBy(records, ({ priority }) => priority);
  for (const priority of [...byPriority.keys()].toSorted((a, b) => a - b)) {
    const pool = shuffled(byPriority.get(priority) ?? [], random);
    if (preferred !== undefined && pool.some(({ name }) => name === preferred)) chosen.add(preferred);
    // Those without weight stand first, where only the smallest of the random numbers falls.
    pool.sort((a, b) => Number(a.weight > 0) - Number(b.weight > 0));
    while (pool.length > 0 && chosen.size < atMost) {
      const [next] = pool.splice(drawn(pool, random), 1);
      if (next) chosen.add(next.name);
    }
  }
  return [...chosen].slice(0, atMost);
}

/** The first whose running sum of weights reaches a number between 0 and their sum. */
function drawn(pool: readonly WeightedServer[], random: () => number): number {
  const sum = pool.reduce((total, { weight }) => total + weight, 0);
  const wanted = Math.floor(random() * (sum + 1));
  let running = 0;
  return pool.findIndex(({ weight }) => (running += weight) >= wanted);
}

/** Of servers that all have weight 0 the same would always go first. */
function shuffled(records: readonly WeightedServer[], random: () => number): WeightedServer[] {
  return records
    .map((record) => ({ record, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ record }) => record);
}
