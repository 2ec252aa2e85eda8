/** A plan as people read it. Pure. */
import { countOf } from "../farm/changes/index.ts";
import { commonName } from "../names/distinguished-name.ts";
import type { FarmPlan } from "./plan-farm.ts";
import { type Style, table } from "./terminal.ts";

export function planText(plans: readonly FarmPlan[], style: Style): readonly string[] {
  const changes = plans.reduce((sum, plan) => sum + plan.changes.length, 0);
  const problems = plans.reduce((sum, plan) => sum + plan.problems.length, 0);
  return [
    ...plans.flatMap((plan) => farmText(plan, style)),
    style("title", `Plan: ${countOf(plans.length, "farm")}, ${countOf(changes, "change")}, ${countOf(problems, "problem")}.`),
  ];
}

function farmText({ namespace, name, changes, problems, held }: FarmPlan, style: Style): readonly string[] {
  // Whole lists of farms are planned in a pull request: those with nothing to say would hide the others.
  if (changes.length + problems.length === 0) return [];
  const rows = changes.map(({ change, object, value = "" }) => {
    const sign = signOf(change);
    return [style(sign === "+" ? "good" : sign === "-" ? "bad" : "waiting", `  ${sign} ${change}`), object, shortName(value)];
  });
  return [
    style("title", `${namespace}/${name}`),
    ...table(rows),
    ...problems.map(({ reason, message }) => `  ${style("waiting", `! ${reason}`)}: ${message}`),
    ...(held !== undefined && changes.length > 0 ? [`  ${held}`] : []),
    "",
  ];
}

function signOf(change: string): "+" | "-" | "~" {
  if (/^(Create|Add|Join|Adopt)/.test(change)) return "+";
  return /^(Delete|Remove|Leave|Release)/.test(change) ? "-" : "~";
}

/** A host is known by its name; the object is named whole beside it. */
function shortName(value: string): string {
  return /^CN=/i.test(value) ? commonName(value) : value;
}
