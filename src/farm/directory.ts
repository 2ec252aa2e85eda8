import type { Change } from "./changes/index.ts";
import type { DesiredFarm } from "./desired.ts";
import type { DirectoryObject, ObservedFarm } from "../ad/object.ts";

/**
 * Names: what bears the farm's names. Owned: also everything that bears its owner marker, wherever it is, with the computers that are
 * members of its groups; a search of the whole domain, for the end of a farm.
 */
export type Scope = "Names" | "Owned";

/** The directory as a farm needs it. Rejects only with DirectoryError. */
export interface Directory {
  /**
   * Writes nothing. An incomplete answer is an error, never a smaller farm. `computers`, where given, were looked up a moment ago and are
   * not asked for again.
   */
  observe(desired: DesiredFarm, scope: Scope, signal: AbortSignal, computers?: readonly DirectoryObject[]): Promise<ObservedFarm>;
  /** One write. That it is so already is a success. An object without the change's owner marker is left as it is: NotOwned. */
  apply(change: Change, signal: AbortSignal): Promise<void>;
}
