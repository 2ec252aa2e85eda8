/** Label and field selectors. */
import { type ApiObject, at, textAt } from "./json.ts";
import { badRequest } from "./status.ts";

export type Selector = (object: ApiObject) => boolean;

interface Requirement {
  readonly key: string;
  readonly operator: "in" | "notin" | "exists" | "absent";
  readonly values: readonly string[];
}

function parseRequirement(text: string): Requirement {
  const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(text);
  if (set)
    return {
      key: set[1] ?? "",
      operator: set[2] === "in" ? "in" : "notin",
      values: (set[3] ?? "").split(",").map((value) => value.trim()),
    };
  const compared = /^([^!=\s]+)\s*(==|=|!=)\s*(.*)$/.exec(text);
  if (compared) return { key: compared[1] ?? "", operator: compared[2] === "!=" ? "notin" : "in", values: [compared[3] ?? ""] };
  if (text.startsWith("!")) return { key: text.slice(1), operator: "absent", values: [] };
  if (/^\S+$/.test(text)) return { key: text, operator: "exists", values: [] };
  throw badRequest(`unable to parse requirement: ${text}`);
}

function holds({ operator, values }: Requirement, value: string | undefined): boolean {
  switch (operator) {
    case "in":
      return value !== undefined && values.includes(value);
    case "notin":
      return value === undefined || !values.includes(value);
    case "exists":
      return value !== undefined;
    case "absent":
      return value === undefined;
  }
}

function split(text: string | null): readonly Requirement[] {
  // Commas inside parentheses are part of a set.
  return (text ?? "")
    .split(/,(?![^(]*\))/)
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map(parseRequirement);
}

export function selectorOf(labels: string | null, fields: string | null): Selector {
  const [labelled, fielded] = [split(labels), split(fields)];
  return (object) =>
    labelled.every((requirement) => holds(requirement, textAt(object, "metadata", "labels", requirement.key))) &&
    // An absent field counts as empty.
    fielded.every((requirement) => {
      const value = at(object, ...requirement.key.split("."));
      return holds(requirement, value === undefined || value === null ? "" : String(value));
    });
}
