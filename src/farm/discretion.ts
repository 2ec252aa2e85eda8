/**
 * What a farm is told of objects, where a domain has several tenants: of what is none of its namespace's it learns that it is there, and neither where
 * nor whose. All that is said of a look passes here, whoever words it; the domain's owner is told the whole.
 */
import { isComputer, type DirectoryObject } from "../ad/object.ts";
import { quoteForPowerShell } from "../ad/remedy.ts";
import type { EventDraft } from "../api/event.ts";
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { keyOf } from "../api/object.ts";
import { sameName } from "../names/account-name.ts";
import { dnKey } from "../names/distinguished-name.ts";
import { describeOwner, isOfNamespace, isOwnerMarker } from "../names/identifier.ts";
import { allowedHosts } from "./allowed-hosts.ts";
import type { DesiredFarm } from "./desired-farm.ts";
import type { HostNote } from "./host-messages.ts";
import type { Report } from "./report.ts";
import type { FarmView } from "./view.ts";

/** What is said of a look, by `say`: with messages that name nothing of others, where there are tenants. */
export function sayDiscreetly<Said extends { readonly events: readonly EventDraft[] }>(
  farm: ServerFarm,
  report: Report,
  say: (report: Report) => Said,
): Said {
  const said = say(discreet(report));
  return { ...said, events: [...said.events, ...eventsForOwner(farm, report, said.events)] };
}

/** The same report, with messages that name nothing of others. */
export function discreet(report: Report): Report {
  const { view, plan } = report;
  if (!view) return report;
  const hush = hushed(view.desired, objectsOf(view));
  const quiet = <Said extends { readonly message: string }>(said: Said): Said => ({ ...said, message: hush(said.message) });
  const hosts = { ...view.hosts, blockers: view.hosts.blockers.map(quiet), notes: view.hosts.notes.map((note) => quietNote(note, hush)) };
  return { ...report, view: { ...view, hosts }, plan: plan && { ...plan, blockers: plan.blockers.map(quiet) } };
}

function objectsOf({ observed: { objects, computers, search, users = [] } }: FarmView): readonly DirectoryObject[] {
  const { container } = search ?? {};
  const containers =
    container && "object" in container ? [container.object, ...("before" in container && container.before ? [container.before] : [])] : [];
  return [...objects, ...computers, ...users, ...containers];
}

/** As many messages of one look are told to the domain's owner. */
const TOLD = 5;

/** What the domain's owner is told in whole, whenever the farm is told something new. `said`: the farm's own Events. */
function eventsForOwner({ metadata }: ServerFarm, { view, plan }: Report, said: readonly EventDraft[]): readonly EventDraft[] {
  if (!view || said.every(({ type }) => type !== "Warning")) return [];
  const hush = hushed(view.desired, objectsOf(view));
  const messages = [...(plan?.blockers ?? []), ...view.hosts.notes].map(({ message }) => message);
  const hidden = [...new Set(messages)].filter((message) => hush(message) !== message);
  return hidden.slice(0, TOLD).map((message) => ({
    type: "Warning",
    reason: "HiddenFromTenant",
    message: `the status of the farm ${keyOf(metadata)} leaves a part of this out: ${message}`,
    of: "Domain",
  }));
}

/** Anybody may keep any computer out; where it is moved to is not his to follow. */
function quietNote(note: HostNote, hush: (message: string) => string): HostNote {
  const message = hush(note.message);
  if (note.reason !== "HostMoved" || message === note.message) return { ...note, message };
  return { ...note, message: note.message.replace(/: it is now .*$/s, ". Ask the domain's owner where it is now.") };
}

function hushed(desired: DesiredFarm, objects: readonly DirectoryObject[]): (message: string) => string {
  const isKnown = knownTo(desired);
  const names = objects.filter((object) => !isKnown(object)).map(({ distinguishedName }) => [distinguishedName, "another object"] as const);
  const owners = objects
    .filter(({ owner }) => isOwnerMarker(owner) && !isOfNamespace(owner, desired.owner))
    .map(({ owner }) => [describeOwner(owner, desired.owner), "it belongs to another ServerFarm"] as const);
  // The name of what is below an object ends with the object's own.
  const hidden = [...new Map([...names, ...owners])].toSorted(([one], [other]) => other.length - one.length);
  // In a command the quotes of a name are doubled.
  const replacements = hidden.flatMap(
    ([name, instead]) =>
      [
        [name, instead],
        [quoteForPowerShell(name).slice(1, -1), instead],
      ] as const,
  );
  return (message) => replacements.reduce((text, [name, instead]) => text.replaceAll(name, instead), message).replace(NAMELESS, LOOK_THERE);
}

/** The way to consent for what is not named: a command that nobody can run. */
const NAMELESS = / To adopt it as it is, .*?-Identity 'another object' .*?\}( \([^)]*\))?\./s;
const LOOK_THERE =
  " To adopt it, name its container in the manifest (account.container, or container of the group): then this message has the command that gives consent. Ask the domain's owner where it is.";

/** Its namespace's own, what stands where or is called as its manifest says, and computers where its tenant has hosts. */
function knownTo(desired: DesiredFarm): (object: DirectoryObject) => boolean {
  const { account, hostGroup, accessGroups, granted, owner, hosts, quarantined, search } = desired;
  const wanted = new Set(
    [account, hostGroup, ...accessGroups, ...(search ? [search] : [])].map(({ distinguishedName }) => dnKey(distinguishedName)),
  );
  for (const { by, value } of [...hosts, ...quarantined]) if (by === "distinguishedName") wanted.add(dnKey(value));
  const existing = [hostGroup, ...accessGroups].filter((group) => group.existing).map(({ samAccountName }) => samAccountName);
  const isHost = granted ? allowedHosts(granted) : () => false;
  return (object) =>
    isOfNamespace(object.owner, owner) ||
    wanted.has(dnKey(object.distinguishedName)) ||
    existing.some((name) => sameName(name, object.samAccountName)) ||
    (isComputer(object) && isHost(object));
}
