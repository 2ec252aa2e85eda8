/** What the log has of farms: what was changed, by name; what the directory refused; and what stands in a farm's way, once for as long as it lasts. */
import type { ServerFarmStatus } from "../api/generated/server-farm.ts";
import { type Change, describeChange, objectOf } from "../farm/changes/index.ts";
import type { Report } from "../farm/report.ts";
import type { Log } from "../telemetry/log.ts";

/** Changes that one line names; how many more there are it counts. */
const NAMED = 20;

/** Of these a farm is told because of something else, which has lines of its own, or because somebody wanted it so. */
const OF_OTHERS: ReadonlySet<string> = new Set(["DomainNotReady", "DirectoryUnavailable", "Progressing", "Suspended", "Deleting"]);

export class FarmLog {
  readonly #log: Log;
  /** What was last said to be in the way of each farm that is not ready. */
  readonly #said = new Map<string, string>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** What was done, however the reconcile ended. */
  did(farm: string, { applied, failures, error }: Report): void {
    // The end of the program, or of its lead, is no failure of the directory.
    if (error?.kind === "Aborted") return;
    for (const { change, error: refused } of failures) {
      const [object, changes] = [objectOf(change), named([change])];
      this.#log.warn("the directory refused a change", { farm, change: change.kind, object, changes, error: refused.message });
    }
    const changes = named(applied);
    if (error) this.#log.warn("the directory failed", { farm, changes, error: error.message });
    else if (changes.length > 0) this.#log.info("changed the directory", { farm, changes });
    else this.#log.debug("nothing to change", { farm });
  }

  /** How it stands after a reconcile: said where it is not ready, when that is news; and when it is ready again. */
  stands(farm: string, { conditions = [] }: ServerFarmStatus): void {
    const ready = conditions.find(({ type }) => type === "Ready");
    if (!ready) return;
    const { status, reason, message } = ready;
    if (status === "True") {
      if (this.#said.delete(farm)) this.#log.info("the farm is ready", { farm });
      return;
    }
    const news = `${reason}: ${message}`;
    const isQuiet = OF_OTHERS.has(reason);
    if (this.#said.get(farm) === news) return;
    if (!isQuiet) this.#said.set(farm, news);
    this.#log[isQuiet ? "debug" : "warn"]("the farm is not ready", { farm, reason, error: message });
  }

  forget(farm: string): void {
    this.#said.delete(farm);
  }
}

/** As `status.plan` has them: what, on which object, which value. */
function named(changes: readonly Change[]): readonly string[] {
  const lines = changes
    .flatMap((change) => describeChange(change))
    .map(({ change, object, value }) => [change, object, ...(value === undefined ? [] : [value])].join(" "));
  return lines.length > NAMED ? [...lines.slice(0, NAMED), `and ${lines.length - NAMED} more`] : lines;
}
