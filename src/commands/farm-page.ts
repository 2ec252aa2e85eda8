/** What a farm's status says of it, laid out for a reader: pure, from the ServerFarm alone. */
import type { Condition } from "../api/object.ts";
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { ageOf, printable, type Style, table } from "./terminal.ts";

/** May: it may retrieve the password. Unknown: the status does not say. The others are the reasons of status.hostIssues. */
export interface HostLine {
  readonly computer: string;
  readonly state: string;
  readonly message?: string;
}

/** What `-o json` prints. */
export interface FarmPage {
  readonly namespace: string;
  readonly name: string;
  /** As the farm is now, and not as it was before its last edit. */
  readonly ready: boolean;
  readonly reason: string;
  readonly message: string;
  readonly domain: string;
  readonly account?: NonNullable<ServerFarm["status"]>["account"];
  readonly hosts: {
    readonly summary: string;
    /** Those of hosts.computers, and those that are quarantined. */
    readonly entries: readonly HostLine[];
    /** How many hosts.search alone found. */
    readonly found?: number;
  };
  readonly servicePrincipalNames: readonly string[] | undefined;
  readonly credentialSpecName?: string;
  readonly conditions: readonly Condition[];
}

export function pageOf(farm: ServerFarm): FarmPage {
  const { metadata, spec, status } = farm;
  const conditions = status?.conditions ?? [];
  const ready = conditions.find(({ type }) => type === "Ready");
  const isCurrent = status?.observedGeneration === metadata.generation;
  const notSeen = "The operator has not looked at this farm since it was changed. Does the operator run, and does it watch this namespace?";
  const found = status?.hosts?.search;
  const credentialSpecName = status?.pods?.credentialSpecName;
  return {
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    ready: isCurrent && ready?.status === "True" && metadata.deletionTimestamp === undefined,
    reason: isCurrent ? (ready?.reason ?? "Unknown") : "Progressing",
    message: isCurrent ? (ready?.message ?? notSeen) : notSeen,
    domain: spec.domainRef.name,
    ...(status?.account ? { account: status.account } : {}),
    hosts: { summary: status?.hosts?.summary ?? "unknown", entries: hostLines(farm), ...(found === undefined ? {} : { found }) },
    servicePrincipalNames: spec.servicePrincipalNames,
    ...(credentialSpecName === undefined ? {} : { credentialSpecName }),
    conditions,
  };
}

/** Of each entry what the status says of it. Whoever is quarantined is no host, whatever else names it. */
function hostLines({ metadata, spec, status }: ServerFarm): readonly HostLine[] {
  const issues = new Map((status?.hostIssues ?? []).map((issue) => [issue.computer, issue]));
  const quarantined = new Set(spec.hosts.quarantined);
  const wanted = spec.hosts.computers.filter((text) => !quarantined.has(text));
  const { granted = 0, desired = 0, search = 0 } = status?.hosts ?? {};
  // What has no issue has the right, where as many have it: of more than 100 issues the status tells the first.
  const without = wanted.filter((text) => !issues.has(text)).length;
  const isTold = status?.observedGeneration === metadata.generation && desired > 0 && granted - search >= without;
  const line = (computer: string, state: string): HostLine => {
    const issue = issues.get(computer);
    return issue ? { computer, state: issue.reason, message: issue.message } : { computer, state };
  };
  return [
    ...wanted.map((text) => line(text, isTold ? "May" : "Unknown")),
    ...spec.hosts.quarantined.map((text) => line(text, "Quarantined")),
  ];
}

/** A row for each farm, below a heading. `namespaces`: whether the rows say which. */
export function farmTable(farms: readonly ServerFarm[], namespaces: boolean, now: Date, style: Style): readonly string[] {
  const rows = farms.map((farm) => {
    const page = pageOf(printable(farm));
    const cells = [page.name, readyWord(page, style), page.reason, page.account?.samAccountName ?? "", page.hosts.summary];
    return [...(namespaces ? [page.namespace] : []), ...cells, ageOf(farm.metadata.creationTimestamp, now)];
  });
  return table([[...(namespaces ? ["NAMESPACE"] : []), "NAME", "READY", "REASON", "ACCOUNT", "HOSTS", "AGE"], ...rows]);
}

function readyWord({ ready, conditions }: FarmPage, style: Style): string {
  if (ready) return style("good", "True");
  return conditions.some(({ type }) => type === "Stalled") ? style("bad", "False") : style("waiting", "False");
}

export function farmText(farm: ServerFarm, now: Date, style: Style): readonly string[] {
  const page = pageOf(printable(farm));
  const { account, hosts, servicePrincipalNames: names } = page;
  const heading = (text: string): readonly string[] => ["", style("title", text)];
  const facts = [
    ["Domain:", page.domain],
    ["Account:", account?.samAccountName ?? "none yet", account?.distinguishedName ?? ""],
    ["Password:", passwordText(account, now)],
    ["Host group:", printable(farm.status?.hostGroup?.distinguishedName ?? "none")],
    ...(page.credentialSpecName === undefined ? [] : [["For Pods:", `GMSACredentialSpec ${page.credentialSpecName}`]]),
  ];
  return [
    `${style("title", `${page.namespace}/${page.name}`)}   Ready: ${readyWord(page, style)}   ${page.reason}`,
    page.message,
    "",
    ...table(facts.map(([name = "", ...rest]) => [name, rest.filter((text) => text !== "").join("  ")])),
    ...heading(`Hosts: ${hosts.summary} may retrieve the password`),
    ...(hosts.found === undefined ? [] : [`  hosts.search found ${hosts.found}.`]),
    ...table(hosts.entries.map(({ computer, state, message = "" }) => [`  ${computer}`, hostWord(state, style), message])),
    ...heading("Service principal names"),
    ...(names ? (names.length > 0 ? names.map((name) => `  ${name}`) : ["  none"]) : ["  not managed"]),
    ...heading("Conditions"),
    ...table(page.conditions.map(({ type, status, reason, message }) => [`  ${type}`, status, reason, message])),
  ];
}

function hostWord(state: string, style: Style): string {
  if (state === "May") return style("good", "may retrieve");
  if (state === "Quarantined") return style("bad", "quarantined");
  return state === "Unknown" ? style("waiting", "not known yet") : style("waiting", state);
}

/** The next change may be over: Active Directory makes the password when a host asks. */
function passwordText(account: FarmPage["account"], now: Date): string {
  const { passwordLastChanged: last, passwordNextChange: next } = account ?? {};
  if (next === undefined) return "not known yet";
  const when = Date.parse(next) > now.getTime() ? `changes next at ${next}` : "changes when a host asks next";
  return last === undefined ? when : `changed at ${last}, ${when}`;
}
