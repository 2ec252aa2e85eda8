/** Whether what the operator took over the time of the soak is bounded. Pure. */

export interface Sample {
  readonly minutes: number;
  /** MB. */
  readonly rss: number;
  readonly heap: number;
  readonly heapTotal: number;
  readonly external: number;
  /** Seconds since the start: of the operator, and of the process that drives it. */
  readonly cpu: number;
  readonly cpuHere: number;
  readonly descriptors: number;
  readonly resources: number;
  readonly reconciles: number;
  readonly changes: number;
}

/** The operator when nothing is to do. */
export interface Rest {
  /** MB that live after a collection of garbage. */
  readonly alive: number;
  /** Timers, sockets, file descriptors by kind. */
  readonly held: ReadonlyMap<string, number>;
}

/** MB an hour. */
const SLOPE = 2;
/** A slope is judged over at least so many minutes: below that it is noise. */
const LONG = 45;
/** MB by which RSS may grow in a run that is too short for a slope: V8 takes that much before it collects. */
const GROWTH = 25;
/**
 * MB by which what lives may grow between two rests. What is remembered by design comes and goes: strings that copies share, 8,000 at most (1 MB);
 * Events for ten minutes (1 MB); deletions for an hour.
 */
const ALIVE = 4;
/** Of each kind: a timer or a request of the moment that all looks met. */
const LEFT = 1;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle - 1)] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

/**
 * The median of the slopes between all pairs of points (Theil and Sen). RSS goes in steps and has spikes; a straight line of least squares follows each of
 * them, this one none as long as they are fewer than a quarter of the points.
 */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const slopes = points.flatMap(([x, y], index) => points.slice(index + 1).map(([x2, y2]) => (y2 - y) / (x2 - x)));
  return median(slopes.filter(Number.isFinite));
}

/** The median of each minute: a sample may fall just before a collection of garbage, or just after. */
export function byMinute(samples: readonly Sample[]): readonly (readonly [minute: number, rss: number])[] {
  const minutes = Map.groupBy(samples, ({ minutes }) => Math.floor(minutes));
  return [...minutes].map(([minute, within]) => [minute, median(within.map(({ rss }) => rss))]);
}

export interface Trend {
  readonly text: string;
  readonly problem: string | undefined;
}

/** Of the samples after the warm-up. */
export function trendOf(samples: readonly Sample[]): Trend {
  const points = byMinute(samples);
  const [first = 0, last = 0] = [points[0]?.[0], points.at(-1)?.[0]];
  if (last - first >= LONG) {
    const perHour = slope(points) * 60;
    const text = `RSS ${perHour >= 0 ? "grows" : "shrinks"} by ${Math.abs(perHour).toFixed(2)} MB an hour from minute ${first} to ${last}`;
    return { text, problem: perHour < SLOPE ? undefined : `${text}: less than ${SLOPE} are allowed` };
  }
  const third = Math.max(1, Math.floor(points.length / 3));
  const [early, late] = [points.slice(0, third), points.slice(-third)].map((part) => median(part.map(([, rss]) => rss)));
  const growth = (late ?? Number.NaN) - (early ?? Number.NaN);
  const text = `RSS differs by ${growth.toFixed(1)} MB between the first and the last third of minutes ${first} to ${last}`;
  return { text, problem: growth < GROWTH ? undefined : `${text}: less than ${GROWTH} are allowed in a run that is too short for a slope` };
}

/** What is held after the churn and was not before. */
export function leftOver(before: Rest["held"], after: Rest["held"]): readonly string[] {
  return [...after].flatMap(([what, count]) => {
    const earlier = before.get(what) ?? 0;
    return count - earlier > LEFT ? [`${what}: ${count} at rest after the churn, ${earlier} before: at most ${LEFT} more are allowed`] : [];
  });
}

export function aliveProblem(before: Rest, after: Rest): string | undefined {
  const growth = after.alive - before.alive;
  if (growth < ALIVE) return undefined;
  return `${growth.toFixed(2)} MB more live after the churn than after the warm-up: less than ${ALIVE} are allowed`;
}
