/** What is nobody's and is to be the farm's. */
import { dnKey } from "../../names/distinguished-name.ts";
import { NOTHING, type Change, type Plan } from "../changes/index.ts";
import { owned } from "../slot.ts";
import { viewOf, type FarmView } from "../view.ts";

/**
 * First the owner marker; what else has to be changed follows once the object bears it, and can be read in the plan before: `planAdopted` plans for the
 * farm as it is then. Undefined where there is nothing to take over.
 */
export function planAdoption(view: FarmView, planAdopted: (view: FarmView) => Plan): Plan | undefined {
  const { desired, observed, account, hostGroup } = view;
  // Nothing is half taken: where one of the two cannot be used, the other stays as it is.
  if (account.kind === "Blocked" || hostGroup.kind === "Blocked") return undefined;
  const slots = [
    { slot: hostGroup, part: "Hosts" as const },
    { slot: account, part: "Account" as const },
  ];
  const adopted = slots.flatMap(({ slot, part }) => (slot.kind === "Adoptable" ? [{ object: slot.object, part }] : []));
  if (adopted.length === 0) return undefined;
  const changes = adopted.map(({ object, part }): Change => ({
    kind: "Adopt",
    object: owned(object, desired.owner),
    part,
    consent: object.owner === "" ? undefined : object.owner,
  }));
  const objects = observed.objects.map((object) =>
    adopted.some((other) => other.object === object) ? { ...object, owner: desired.owner } : object,
  );
  const then = planAdopted(viewOf(desired, { ...observed, objects }));
  const named = new Set(observed.computers.map(({ distinguishedName }) => dnKey(distinguishedName)));
  const later = [...then.changes, ...then.later].map((change) => withoutStrangers(change, named));
  return { ...NOTHING, changes, later, blockers: then.blockers };
}

/** Members of a group that is not the farm's yet are not its to know: of those that it does not name is said how many go. For people to read. */
function withoutStrangers(change: Change, named: ReadonlySet<string>): Change {
  if (change.kind !== "ChangeHosts") return change;
  const remove = change.remove.filter((member) => named.has(dnKey(member)));
  const others = change.remove.length - remove.length;
  if (others === 0) return change;
  return { ...change, remove: [...remove, `${others} ${others === 1 ? "member" : "members"} that the farm does not name`] };
}
