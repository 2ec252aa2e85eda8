/** What follows where the directory refuses a change. */
import { dnKey } from "../names/distinguished-name.ts";
import type { Change } from "../farm/changes/index.ts";
import { owned } from "../farm/slot.ts";
import type { FarmView } from "../farm/view.ts";

/** An account that the directory refuses leaves no group behind: the end of the one that was made for it a moment ago, if it is as it was made. */
export function groupOfRefused(change: Change, applied: readonly Change[], { desired, hostGroup }: FarmView): Change | undefined {
  if (change.kind !== "CreateAccount" || hostGroup.kind !== "Own") return undefined;
  const { object } = hostGroup;
  const made = applied.find(
    (done): done is Change<"CreateHostGroup"> =>
      done.kind === "CreateHostGroup" && dnKey(done.distinguishedName) === dnKey(object.distinguishedName),
  );
  const members = new Set(made?.members.map(dnKey));
  if (!made || object.members.some((member) => !members.has(dnKey(member)))) return undefined;
  return { kind: "DeleteHostGroup", object: owned(object, desired.owner) };
}
