/** What is known of one kind of change. `Fields`: what a change of this kind holds besides its kind. */
import type { EventDraft } from "../../api/event.ts";
import type { Part } from "../../api/reasons.ts";
import type { Write } from "../../ad/write.ts";
import { commonName } from "../../names/distinguished-name.ts";
import type { Journal } from "../journal.ts";

/** One line of status.plan. */
export interface PlannedChange {
  readonly change: string;
  readonly object: string;
  readonly value?: string;
}

export interface EventContext {
  /** The account's sAMAccountName. */
  readonly account: string;
  /** It puts right what somebody else had changed. */
  readonly drifted: boolean;
  /** An Event of a change: as drift, where it is. */
  readonly say: (reason: string, message: string) => EventDraft;
}

export interface ChangeEntry<Fields> {
  /** The part of the farm whose condition tells of the change. */
  readonly part: (fields: Fields) => Part;
  /** As users read it: one line for each host and each SPN. */
  readonly describe: (change: Fields & { readonly kind: string }) => readonly PlannedChange[];
  readonly events: (fields: Fields, context: EventContext) => readonly EventDraft[];
  readonly write: (fields: Fields) => Write;
  /** The kind of object that it makes, as status.ownedObjects has it. */
  readonly creates?: "Account" | "HostGroup" | "AccessGroup";
  /** The journal as it must be before the change is made. `guidOf` gives the objectGUID of a computer by its distinguished name. Absent: nothing has to be recorded. */
  readonly journal?: (fields: Fields, journal: Journal, guidOf: (dn: string) => string | undefined) => Journal;
  /** The change value by value, where it has several: one that the directory refuses then keeps only itself out. */
  readonly split?: <C extends Fields>(change: C) => readonly C[];
}

/** At most ten names, and how many more. Only those that are said are brought into words: there may be thousands. */
export function listOf(names: readonly string[], inWords: (name: string) => string = (name) => name, separator = ", "): string {
  const said = names.slice(0, 10).map((name) => inWords(name));
  return said.join(separator) + (names.length > 10 ? ` and ${names.length - 10} more` : "");
}

/** Hosts of a change, by distinguished name. */
export interface HostDelta {
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

/** `when`: from when on those that were added may retrieve the password. */
export function hostEvents({ add, remove }: HostDelta, when: string, context: EventContext): readonly EventDraft[] {
  const { account } = context;
  const list = (dns: readonly string[]): string => listOf(dns, commonName);
  const removed = `${list(remove)} may no longer retrieve the password of ${account}; run Uninstall-ADServiceAccount ${account} there`;
  return [
    ...(remove.length > 0 ? [context.say("HostsRemoved", removed)] : []),
    ...(add.length > 0 ? [context.say("HostsAdded", `${list(add)} may retrieve the password of ${account} ${when}`)] : []),
  ];
}

export function hostLines({ add, remove }: HostDelta, object: string): readonly PlannedChange[] {
  return [
    ...remove.map((value) => ({ change: "RemoveHost", object, value })),
    ...add.map((value) => ({ change: "AddHost", object, value })),
  ];
}

/** A change of several values as changes of one. */
export function splitValues<Fields extends HostDelta>(fields: Fields): readonly Fields[] {
  const parts = [
    ...fields.remove.map((value) => ({ ...fields, remove: [value], add: [] })),
    ...fields.add.map((value) => ({ ...fields, remove: [], add: [value] })),
  ];
  return parts.length > 1 ? parts : [];
}
