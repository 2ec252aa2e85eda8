/** Seconds that a test waited for what it is about: kept where FIGURES names a file, for docs/benchmarks.md. */
import { appendFileSync } from "node:fs";

/** `since`: of performance.now(). Returns the seconds that have passed. */
export function figure(what: string, since: number): number {
  const seconds = (performance.now() - since) / 1000;
  const file = process.env["FIGURES"];
  if (file !== undefined) appendFileSync(file, `${what}: ${seconds.toFixed(1)} s\n`);
  return seconds;
}
