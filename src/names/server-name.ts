/** Names of domain controllers as DNS gives them, and the patterns of those that may be connected to (spec.discovery.serverNames). */
import { foldName, patternOf } from "./account-name.ts";

/** Its last label begins with a letter, so that no address passes for a name. */
const NAME = /^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?[.])+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** With * in the first label. */
const PATTERN = /^[A-Za-z0-9*_-]+([.][A-Za-z0-9_-]+)*[.][A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?$/;

/** The target of an SRV record as names are compared: folded, without the dot of the DNS root. Undefined where it is not a whole name of a host. */
export function serverNameOf(target: string): string | undefined {
  const name = foldName(target).replace(/[.]$/, "");
  return name.length <= 253 && NAME.test(name) ? name : undefined;
}

/** Whether one of the patterns means a name, which is folded. As in a certificate, * stays within the first label. */
export function serverNameMatcher(patterns: readonly string[]): (name: string) => boolean {
  const allowed = patterns.map((pattern) => {
    const [label, parent] = splitFirstLabel(foldName(pattern));
    return { matches: patternOf(label), parent };
  });
  return (name) => {
    const [label, parent] = splitFirstLabel(name);
    return allowed.some((one) => one.parent === parent && one.matches(label));
  };
}

/** Why a pattern is none that may be used (spec.discovery.serverNames), by the words of the schema; undefined where it is one. */
export function problemOfServerName(pattern: string): string | undefined {
  if (!PATTERN.test(pattern))
    return "not the name of a domain controller: write the whole name, with * in its first label only, like dc1.contoso.com or dc*.contoso.com.";
  return /^[*_-]*[A-Za-z0-9]/.test(pattern) && (!pattern.includes("*") || /^[^.]+[.][^.]+[.]/.test(pattern))
    ? undefined
    : "this pattern allows machines that are no domain controllers: write what only your domain controllers are called, like dc*.contoso.com.";
}

function splitFirstLabel(name: string): readonly [label: string, parent: string] {
  const dot = name.indexOf(".");
  return dot === -1 ? [name, ""] : [name.slice(0, dot), name.slice(dot + 1)];
}
