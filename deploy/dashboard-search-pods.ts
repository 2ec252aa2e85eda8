/** The dashboard's row of hosts by search and of Pods. It comes last, so that links to panels of other rows stay. */
import { graph, HALF, IN, list, number } from "./dashboard-panels.ts";

/** Reasons for which a search adds or removes nobody. */
const BLOCKED = "ShrinkHeld|HostLimitExceeded|ContainerNotFound|ContainerReplaced";

export const SEARCH_AND_PODS = [
  number("Hosts that are held", `sum(serverfarm_farm_hosts{${IN}, state="held"}) or vector(0)`, {
    width: HALF,
    bad: { from: 1 },
    description: "Computers that searches do not find any more and that keep the right, since too many would lose it at once (ShrinkHeld).",
  }),
  number("Farms whose Pods cannot use the account", `count(serverfarm_farm_condition{${IN}, condition="PodsReady"}) or vector(0)`, {
    width: HALF,
    bad: { from: 1 },
    description: "Farms with spec.pods of which not everything is published: credential spec, Role and RoleBinding, ConfigMap.",
  }),
  list(
    "Searches that add or remove nobody",
    `serverfarm_farm_condition{${IN}, condition="HostsReady", reason=~"${BLOCKED}"} == 1`,
    ["cluster", "namespace", "name", "reason"],
    { description: "And why. The message of HostsReady says what to do (`kubectl describe farm`). Empty where all is well." },
  ),
  list(
    "What is not published for Pods",
    `serverfarm_farm_condition{${IN}, condition="PodsReady"} == 1`,
    ["cluster", "namespace", "name", "reason", "status"],
    { description: "And why. The message of PodsReady says what to do (`kubectl describe farm`). Empty where all is well." },
  ),
  graph("Hosts that searches find", [[`topk(10, serverfarm_farm_hosts{${IN}, state="found"})`, "{{namespace}}/{{name}}"]], {
    description:
      "Of the ten farms that find the most. Whoever may create computers in a container decides who gets the password: a jump needs a reason.",
  }),
  graph("Hosts that searches hold", [[`serverfarm_farm_hosts{${IN}, state="held"} > 0`, "{{namespace}}/{{name}}"]], {
    description: "Over time, each farm that holds some: until they are back, or somebody confirms that they lose the right.",
  }),
];
