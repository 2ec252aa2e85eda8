/** What publishes for Pods is given, is told, and has to say. */
import type { EventDraft } from "../api/event.ts";
import type { ServerFarm, ServerFarmStatus } from "../api/generated/server-farm.ts";
import type { PodsFinding } from "../credential-spec/status.ts";
import type { FarmView } from "../farm/view.ts";
import type { Copies } from "../kubernetes/reflector.ts";
import type { Resource } from "../kubernetes/resource.ts";
import type { DomainKind } from "./domain.ts";
import type { Result } from "./kind.ts";

export interface PodOptions {
  readonly enabled: boolean;
  readonly configMaps: boolean;
}

export interface Others {
  /** The kind of farms, for live reads. */
  readonly kind: Resource<ServerFarm>;
  readonly farms: Copies<ServerFarm>;
  readonly domains: Pick<DomainKind, "objects" | "access">;
  readonly wake: (farm: string) => void;
  /** Why what began to be done for the farm may not go on. */
  readonly stopOf: (farm: ServerFarm) => string | undefined;
}

/** What a reconcile has to say. */
export interface Said {
  readonly status: ServerFarmStatus;
  readonly events: readonly EventDraft[];
  readonly result: Result;
  /** Of the look that gave to say it. */
  readonly view?: FarmView | undefined;
}

/** What is said besides what the directory gave to say. */
export interface Told {
  readonly finding: PodsFinding | undefined;
  readonly published: ServerFarmStatus["pods"];
  readonly events?: readonly EventDraft[];
  readonly again?: Result;
}
