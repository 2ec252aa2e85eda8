/** Which farms a change concerns because it is below a container that they search. */
import { type DirectoryObject, isComputer } from "../ad/object.ts";
import type { ServerFarm } from "../api/generated/server-farm.ts";
import type { FeedEntry } from "../directory/feed.ts";
import { nameOfComputer } from "../farm/found-computers.ts";
import { patternOf } from "../names/account-name.ts";

/** What is known of what farms asked for. */
interface Wakes {
  of(keys: readonly string[]): readonly string[];
  hasSeen(farm: string, object: DirectoryObject): boolean;
}

/** `isSearched`: whether the farm's search means the object, which is below its container. */
export function concernedBelow(
  entries: readonly FeedEntry[],
  wakes: Wakes,
  isSearched: (farm: string, object: DirectoryObject) => boolean,
): ReadonlySet<string> {
  return new Set(
    entries.flatMap(({ object, within }) => wakes.of(within).filter((farm) => !wakes.hasSeen(farm, object) && isSearched(farm, object))),
  );
}

/** Many farms may search one container, each for its own computers. With a container that came or went others may have. */
export function searches(farm: ServerFarm | undefined, object: DirectoryObject): boolean {
  if (!isComputer(object)) return object.objectSID === undefined;
  const name = nameOfComputer(object);
  return farm?.spec.hosts.search?.names.some((pattern) => patternOf(pattern)(name)) === true;
}
