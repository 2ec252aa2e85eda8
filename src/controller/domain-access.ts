/** How whatever lives in a domain reaches it. */
import type { Brake, DomainObservation } from "../ad/domain.ts";
import type { ActiveDirectoryDomain } from "../api/generated/active-directory-domain.ts";
import type { ServerFarm } from "../api/generated/server-farm.ts";
import type { DomainIdentity, PodDomain } from "../credential-spec/wanted.ts";
import { suspendedBy } from "../domain/brake.ts";
import type { DomainState } from "../domain/state.ts";
import type { DomainFacts } from "../farm/desired-farm.ts";
import type { Unusable } from "../farm/status/not-looked.ts";
import type { Directory } from "../farm/observed.ts";
import type { Copies } from "../kubernetes/reflector.ts";
import { directoryOf } from "../reconciler/farm.ts";
import type { Reached } from "./domain-connection.ts";
import { resyncOf } from "./domain-settings.ts";
import type { After } from "./kind.ts";

export type DomainAccess =
  /** `feed`: the number of the one that tells of changes; `later`: when everything is compared again. */
  | {
      readonly kind: "Ready";
      readonly directory: Directory;
      readonly facts: DomainFacts;
      readonly identity: DomainIdentity;
      readonly feed: number;
      readonly later: After;
    }
  | ({ readonly kind: "NotReady" } & Unusable)
  /** Its owner wants nothing read or written. */
  | { readonly kind: "Suspended"; readonly message: string }
  /** Not looked at yet since the program started: nothing is known, so nothing is said. The farms are woken soon. */
  | { readonly kind: "Connecting" };

export type ReadyDomain = Extract<DomainAccess, { kind: "Ready" }>;

/** The farm's domain, as it is published for Pods. Undefined where there is none. */
export function podDomainOf(
  { spec }: ServerFarm,
  { objects, access }: { readonly objects: Copies<ActiveDirectoryDomain>; readonly access: ReadonlyMap<string, DomainAccess> },
): PodDomain | undefined {
  const { name } = spec.domainRef;
  const domain = objects.get(name);
  if (!domain) return undefined;
  const reached = access.get(name);
  const identity = reached?.kind === "Ready" ? reached.identity : (domain.status ?? {});
  return { name, dnsName: domain.spec.dnsName, identity, hostAccounts: domain.spec.podHostAccounts };
}

export function noDomain(name: string): DomainAccess {
  const message = `there is no ActiveDirectoryDomain ${name}: create it, or correct domainRef.name (kubectl get addomain).`;
  return { kind: "NotReady", reason: "DomainNotFound", message };
}

/** As it is now: good until the state, the session or the brake changes. `reached`: undefined where there is no session now. */
export function accessOf(domain: ActiveDirectoryDomain, state: DomainState, reached: Reached | undefined, brake?: Brake): DomainAccess {
  if (brake === "Suspend") return { kind: "Suspended", message: suspendedBy(domain) };
  const { metadata } = domain;
  const { view } = state;
  if (view.kind === "Connecting") return { kind: "Connecting" };
  // The connection was lost a moment ago and is being made anew.
  // Or it was made, perhaps to another server, and it is not known yet whether what that does not show is gone.
  if (state.ready && (!reached || !state.settled)) return { kind: "Connecting" };
  if (!state.ready || !reached || view.kind === "Problem") {
    // The reason and no more: the words of an error change from try to try, and each would be written into every farm.
    const problem = view.kind === "Problem" ? ` (${view.problem.reason})` : "";
    return {
      kind: "NotReady",
      reason: "DomainNotReady",
      message: `the ActiveDirectoryDomain ${metadata.name} is not ready${problem}: see kubectl describe addomain ${metadata.name}. The farm continues automatically once the domain is ready.`,
    };
  }
  const { absenceReliableAfter } = state;
  const { session, reader, searches, writer, feed } = reached;
  const { domainSID, objectGUID, forestDNSName, netBIOSName } = view.observation;
  return {
    kind: "Ready",
    directory: directoryOf(
      reader,
      writer,
      () => ({
        absenceReliable: performance.now() > absenceReliableAfter,
        isDeleted: (objectGUID) => session.own.isDeleted(objectGUID),
        isOnItsWay: (dn) => session.own.isOnItsWay(dn, session.rootDse.dsServiceName),
      }),
      searches,
    ),
    facts: factsOf(domain, view.observation, brake === "Observe"),
    identity: { domainSID, objectGUID, forestDNSName, netBIOSName },
    feed: feed.number,
    later: { kind: "After", delay: resyncOf(domain), priority: "Resync" },
  };
}

/** `observed`: nothing is written for any farm of the domain. */
export function factsOf({ spec }: ActiveDirectoryDomain, observation: DomainObservation, observed: boolean): DomainFacts {
  const { netBIOSName, servicePrincipalNameMappings, wellKnownContainers, baseDN, domainSID, account } = observation;
  return {
    dnsName: spec.dnsName,
    netBIOSName,
    servicePrincipalNameMappings,
    wellKnownContainers,
    podHostAccounts: spec.podHostAccounts,
    baseDN,
    domainSID,
    ...spec.defaults,
    trustSelfJoined: spec.selfJoinedComputers === "Grant",
    adoption: spec.adoption,
    operator: account,
    observed,
  };
}
