/** How much garbage V8 lets gather beside what lives. docs/benchmarks.md has what each choice costs. */
import { getHeapStatistics, setFlagsFromString } from "node:v8";

/** MB: some 25 of garbage gather so before they are collected. A small heap that may grow by a fifth only is collected all the time in a burst. */
const GROWTH = 32;
/** Per cent. The least is for very many farms: more would take the memory that the chart gives. */
const [LEAST, MOST] = [20, 100];
/** Milliseconds. A burst fills a small heap within some seconds. */
const PERIOD = 1000;

/** By how many per cent a heap may grow until its next collection, of which so many bytes are in use, garbage included; in steps of ten. */
export function growthOf(used: number): number {
  const percent = (100 * GROWTH * 2 ** 20) / used;
  return Math.max(LEAST, Math.min(MOST, Math.round(percent / 10) * 10));
}

/** From now on, for as long as the program runs: this program waits more than it works, and V8 by itself would take 100 MB and more. */
export function limitGarbage(): void {
  let current = 0;
  const set = (): void => {
    const percent = growthOf(getHeapStatistics().used_heap_size);
    if (percent !== current) setFlagsFromString(`--heap-growing-percent=${percent}`);
    current = percent;
  };
  set();
  setInterval(set, PERIOD).unref();
}
