/** One write to the directory as data: what has to hold for it, and what it changes. A writer says how. */
import type { Retrievers } from "./object.ts";

/** An object that a write is made to, only while it bears this owner marker. */
export interface OwnedObject {
  readonly distinguishedName: string;
  readonly objectGUID: string;
  readonly owner: string;
}

/** A group that a farm declares to be somebody else's. Of it only members are changed, and whatever marker it bears stays. */
export interface ExistingGroup {
  readonly distinguishedName: string;
  readonly objectGUID: string;
  readonly owner: undefined;
  /** As the farm names it; undefined for one that it used before. */
  readonly name: string | undefined;
}

/** A group whose members are changed. */
export type MemberGroup = OwnedObject | ExistingGroup;

/** A text, or who may retrieve a password, by meaning: its bytes are the writer's business. */
export type AttributeValue = string | Pick<Retrievers, "principals" | "denied">;

export type Attributes = Readonly<Record<string, readonly AttributeValue[]>>;

export type Modification = readonly [operation: "add" | "delete" | "replace", attribute: string, values: readonly AttributeValue[]];

export type Write =
  | {
      readonly kind: "Add";
      readonly distinguishedName: string;
      readonly objectClass: string;
      /** The owner marker among the attributes: an object with it that is there already was made by a try whose answer was lost. */
      readonly owner: string;
      readonly attributes: Attributes;
      /** An attribute that is left out where the directory says that another object holds one of its values. */
      readonly optional?: string;
    }
  | {
      readonly kind: "Modify";
      readonly object: MemberGroup;
      readonly modifications: readonly Modification[];
      /**
       * Of single-valued attributes the values that the write was decided on: where one changed meanwhile, and not to what is written, nothing is
       * written. Undefined values: the attribute is not there.
       */
      readonly expected?: Readonly<Record<string, string | undefined>>;
    }
  /**
   * The owner marker takes the place of exactly this adminDescription, or is added where there is none: the directory itself refuses it where somebody
   * else was faster.
   */
  | { readonly kind: "Mark"; readonly object: OwnedObject; readonly replaces: string | undefined }
  | { readonly kind: "Delete"; readonly object: OwnedObject; readonly objectClass: string };
