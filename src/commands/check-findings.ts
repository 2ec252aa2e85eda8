/** What `kubectl farm check` found, and how it is printed. Pure. */
import type { ConditionDraft } from "../api/object.ts";
import type { Style } from "./terminal.ts";

/** Unknown: it could not be told. */
export type State = "Good" | "Bad" | "Unknown";

export interface Finding {
  /** What it is about: the cluster, a domain, a domain controller. */
  readonly subject: string;
  readonly check: string;
  readonly state: State;
  /** What is so; and if it is not good, what to do. */
  readonly message: string;
}

const SIGNS = { Good: "✓", Bad: "✗", Unknown: "?" } as const;
const STYLES = { Good: "good", Bad: "bad", Unknown: "waiting" } as const;

export function checkText(findings: readonly Finding[], style: Style): readonly string[] {
  const lines = [...Map.groupBy(findings, ({ subject }) => subject)].flatMap(([subject, ofSubject]) => [
    style("title", subject),
    ...ofSubject.map(({ check, state, message }) => `  ${style(STYLES[state], SIGNS[state])} ${check}: ${message}`),
    "",
  ]);
  const count = (state: State): number => findings.filter((finding) => finding.state === state).length;
  return [...lines, style("title", `${count("Good")} good, ${count("Bad")} bad, ${count("Unknown")} not known.`)];
}

export function fromCondition(subject: string, { type, status, message }: Pick<ConditionDraft, "type" | "status" | "message">): Finding {
  return { subject, check: type, state: status === "True" ? "Good" : status === "False" ? "Bad" : "Unknown", message };
}
