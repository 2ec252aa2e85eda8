/** What a farm says: its conditions and Events, as kubectl shows them. */
import type { Cluster, Manifest } from "../harness/cluster.ts";
import { textOf } from "../harness/cluster.ts";

export interface Seen {
  readonly where: string;
  readonly text: string;
  readonly format: "green" | "yellow" | "reset";
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** Reasons of warnings that no condition repeats where it is seen. */
const NOTED: ReadonlySet<string> = new Set(["DriftCorrected", "HostMoved"]);

export class FarmView {
  readonly #cluster: Cluster;
  readonly #namespace: string;
  readonly #name: string;
  readonly #said = new Map<string, string>();
  readonly #events = new Set<string>();
  readonly #reasons = new Set<string>();

  constructor(cluster: Cluster, namespace: string, name: string) {
    this.#cluster = cluster;
    this.#namespace = namespace;
    this.#name = name;
  }

  /** Whether an Event of this reason was seen. */
  saw(reason: string): boolean {
    return this.#reasons.has(reason);
  }

  /** What it says that it did not say before. */
  async next(): Promise<readonly Seen[]> {
    const [farm, events] = await Promise.all([
      this.#cluster.find("ServerFarm", this.#name, this.#namespace),
      this.#cluster.list("Event", this.#namespace),
    ]);
    const ordered = events.toSorted((a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion));
    return [...this.#newEvents(ordered, conditionsOf(farm)), ...this.#newConditions(farm)];
  }

  #newConditions(farm: Manifest | undefined): readonly Seen[] {
    const status = farm?.["status"];
    const hosts = typeof status === "object" && status !== null && "hosts" in status ? textOf(status.hosts, "summary") : undefined;
    return conditionsOf(farm).flatMap((condition): readonly Seen[] => {
      const { type, status, reason, message } = condition;
      // The summary and what is wrong: a part that is well, or only waits for another, is no news.
      const summary = type === "Ready";
      if (type === "Reconciling" || type === "Stalled" || (!summary && (status !== "False" || reason === "ChangesPending"))) {
        this.#said.delete(type);
        return [];
      }
      const text = summary
        ? `Ready ${status}, ${reason}${hosts === undefined ? "" : `, hosts ${hosts}`}`
        : `${type} ${status}, ${reason}: ${message}`;
      if (this.#said.get(type) === text) return [];
      this.#said.set(type, text);
      return [{ where: "farm", text, format: status === "True" ? "green" : "yellow" }];
    });
  }

  /** Warnings repeat what a condition says, so only the others are shown, and what is put right or noted of a farm that is ready. */
  #newEvents(events: readonly Manifest[], conditions: readonly Condition[]): readonly Seen[] {
    return events.flatMap((event): readonly Seen[] => {
      const [id, reason, message] = [`${event.metadata.name} ${String(event["count"])}`, textOf(event, "reason"), textOf(event, "message")];
      if (this.#events.has(id) || reason === undefined || message === undefined) return [];
      this.#events.add(id);
      this.#reasons.add(reason);
      const said = reason === "Ready" || conditions.some((condition) => condition.reason === reason);
      if (said || (textOf(event, "type") === "Warning" && !NOTED.has(reason))) return [];
      return [{ where: "event", text: `${reason}: ${message}`, format: NOTED.has(reason) ? "yellow" : "reset" }];
    });
  }
}

export function conditionsOf(farm: Manifest | undefined): readonly Condition[] {
  const status = farm?.["status"];
  const found: unknown = typeof status === "object" && status !== null && "conditions" in status ? status.conditions : [];
  return Array.isArray(found) ? found.filter(isCondition) : [];
}

function isCondition(value: unknown): value is Condition {
  return ["type", "status", "reason", "message"].every((name) => textOf(value, name) !== undefined);
}
