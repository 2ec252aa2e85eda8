/** What has to be looked up in the directory, as data: a reader says how. */
import type { LookupAttribute } from "../names/identifier.ts";
import type { DirectoryObject } from "./object.ts";

/** Objects whose attribute has the value: a GUID or SID as text, a name in any case. */
export interface Lookup {
  readonly by: LookupAttribute;
  readonly value: string;
}

/** One question: every object that one of the lookups means. */
export interface Query {
  readonly lookups: readonly Lookup[];
  /** Deleted: objects that are there and those that were deleted lately. Containers: with what the account may create in them, and little else. */
  readonly among: "Objects" | "Computers" | "Deleted" | "Containers";
  /** The groups of which every member is asked for, however many there are; all others come without members. Absent: no member is read at all. */
  readonly allMembersOf?: (group: DirectoryObject) => boolean;
  /** True: the groups that each is a direct member of are asked for; of computers nobody asks, and they can be in thousands. */
  readonly groups?: boolean;
  /** After about so many members of a group the others are not asked for. */
  readonly membersAtMost?: number;
  /** True: somebody must lose something now, so that it waits for nobody. */
  readonly urgent?: boolean;
  /** Who asks what may take long, by namespace: they take turns. */
  readonly tenant?: string;
  /** objectGUID of a group: only what is a direct member of it is meant, and of that nothing but its objectGUID is read. */
  readonly directMembersOf?: string;
  /** Every computer below a container is meant, and `lookups` is empty. */
  readonly below?: Below;
}

/** What is searched below a container. */
export interface Below {
  /** objectGUID of the container: whatever it is called today. */
  readonly container: string;
  /** Patterns of sAMAccountNames without the $; who asks compares them once more. */
  readonly names: readonly string[];
  /** Where there are more the answer is an error: TooMany. */
  readonly atMost: number;
}

/** Questions that are asked at a time, and the answer to each of them in their order; what is asked next depends on the answers. Never no question. */
export type Look<Result> = Generator<readonly Query[], Result, readonly (readonly DirectoryObject[])[]>;
