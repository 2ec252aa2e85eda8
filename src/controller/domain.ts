/** ActiveDirectoryDomain: one session with the directory for each domain, its conditions, and what changed there. */
import { parseDuration } from "../base/duration.ts";
import type { FeedBatch } from "../directory/feed.ts";
import { inspectDomain } from "../directory/inspection.ts";
import { LdapReader } from "../directory/reader.ts";
import type { LdapSession } from "../directory/session.ts";
import { LdapWriter } from "../directory/writer.ts";
import { type Directory, directoryOf } from "../reconciler/rounds.ts";
import type { ActiveDirectoryDomain } from "../api/generated/active-directory-domain.ts";
import type { DomainFacts } from "../farm/desired.ts";
import { DistinguishedNameError } from "../names/distinguished-name.ts";
import { DirectoryError } from "../ad/error.ts";
import { DOMAIN_FINALIZER, finalizerAction } from "../api/annotations.ts";
import { keyOf } from "../api/object.ts";
import { KubernetesError } from "../kubernetes/api-error.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import type { EventRecorder } from "../kubernetes/events.ts";
import { addFinalizer, patchStatus, removeFinalizer } from "../kubernetes/resource.ts";
import {
  deletionBlockedEvent,
  domainEvents,
  domainFindings,
  domainStatus,
  type DomainProblem,
  type DomainView,
} from "../domain/findings.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { type Cluster, DOMAINS } from "./cluster.ts";
import { Controller, type Result } from "./runtime.ts";
import { DomainConnection, LONGEST_PAUSE } from "./domain-connection.ts";
import { problemOf, readSettings } from "./domain-settings.ts";
import { DomainState, INSPECT_AGAIN } from "../domain/state.ts";
import { RefusedCredentials } from "./refused-credentials.ts";

/** What farms get of their domain. */
export type DomainAccess =
  | { readonly kind: "Ready"; readonly directory: Directory; readonly facts: DomainFacts; readonly resync: number }
  | { readonly kind: "NotReady"; readonly message: string }
  /** Not looked at yet since the program started: nothing is known, so nothing is said. The farms are woken soon. */
  | { readonly kind: "Connecting" };

export interface DomainControllerOptions {
  readonly client: KubernetesClient;
  readonly cluster: () => Cluster;
  readonly events: EventRecorder;
  readonly metrics: Metrics;
  readonly log: Log;
  /** UID of kube-system: the cluster's identity in owner markers. */
  readonly clusterId: string;
  readonly fence: () => void;
  /** Farms of this domain have to be looked at: all of them, or those that the batch concerns. */
  readonly wakeFarms: (domain: string, batch: FeedBatch) => void;
}

export class DomainController {
  readonly controller: Controller;
  readonly #options: DomainControllerOptions;
  readonly #states = new Map<string, DomainState>();
  readonly #refused = new RefusedCredentials();

  constructor(options: DomainControllerOptions) {
    this.#options = options;
    this.controller = new Controller({
      name: "activedirectorydomain",
      workers: 2,
      reconcile: (name) => this.#reconcile(name),
      metrics: options.metrics,
      log: options.log,
    });
  }

  /** How a farm reaches its domain now. */
  access(name: string): DomainAccess {
    const domain = this.#options.cluster().domain(name);
    const state = this.#states.get(name);
    if (!domain)
      return {
        kind: "NotReady",
        message: `there is no ActiveDirectoryDomain ${name}: create it, or correct domainRef.name (kubectl get addomain).`,
      };
    if (!state || state.view.kind === "Connecting") return { kind: "Connecting" };
    const { session } = state.connection;
    // The connection was lost a moment ago and is being made anew.
    // Or it was made, perhaps to another server, and it is not known yet whether what that does not show is gone.
    if (state.ready && (!session || !state.settled)) return { kind: "Connecting" };
    if (!state.ready || !session) {
      const problem = state.view.kind === "Problem" ? ` (${state.view.problem.message})` : "";
      return {
        kind: "NotReady",
        message: `the ActiveDirectoryDomain ${name} is not ready${problem}: see kubectl describe addomain ${name}. The farm goes on by itself once it is.`,
      };
    }
    const { spec } = domain;
    return {
      kind: "Ready",
      directory: directoryOf(new LdapReader(session, () => state.absenceReliable), new LdapWriter(session)),
      facts: { dnsName: spec.dnsName, baseDN: session.rootDse.defaultNamingContext, ...spec.defaults },
      resync: parseDuration(spec.resync) ?? 3_600_000,
    };
  }

  /** A Secret or ConfigMap changed: the domains that use it look at it. */
  dataChanged(kind: "Secret" | "ConfigMap", name: string): void {
    for (const { metadata, spec } of this.#options.cluster().domains()) {
      const credentials = kind === "Secret" && spec.credentialsSecretRef.name === name;
      const ca = spec.caBundleRef?.kind === kind && spec.caBundleRef.name === name;
      if (credentials || ca) this.controller.queue.add(metadata.name);
    }
  }

  close(): void {
    for (const { connection } of this.#states.values()) connection.close();
  }

  async #reconcile(name: string): Promise<Result> {
    const { client, cluster, metrics } = this.#options;
    const domain = cluster().domain(name);
    if (!domain) {
      this.#states.get(name)?.connection.close();
      this.#states.delete(name);
      this.controller.forget(name);
      metrics.objects.domain(name, undefined);
      this.#options.wakeFarms(name, { kind: "Everything" });
      return { kind: "Done" };
    }
    const farms = cluster().farmsOf(name);
    switch (
      finalizerAction(domain.metadata.finalizers?.includes(DOMAIN_FINALIZER) ?? false, domain.metadata.deletionTimestamp !== undefined)
    ) {
      case "Add":
        await addFinalizer(client, DOMAINS, domain, DOMAIN_FINALIZER);
        return { kind: "Done" };
      case "CleanUp":
        if (farms.length > 0) break;
        await removeFinalizer(client, DOMAINS, domain, DOMAIN_FINALIZER);
        return { kind: "Done" };
      case "Ignore":
      case "Reconcile":
        break;
    }
    const state = this.#stateOf(name);
    const delay = await this.#look(domain, state);
    try {
      await this.#report(domain, state, farms.length);
      if (state.recorded()) this.#options.wakeFarms(name, { kind: "Everything" });
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      // The directory is asked on, whatever the API server says; the status follows.
      this.#options.log.warn("the status of the domain was not written", { domain: name, error: error.message });
      return { kind: "After", delay: Math.min(delay, LONGEST_PAUSE), priority: "Change" };
    }
    return { kind: "After", delay, priority: "Change" };
  }

  #stateOf(name: string): DomainState {
    const known = this.#states.get(name);
    if (known) return known;
    const { metrics, log, fence } = this.#options;
    metrics.domainStarted(name);
    const onLost = (): void => {
      this.controller.queue.add(name);
    };
    const connection = new DomainConnection({ domain: name, metrics, log, fence, refused: this.#refused, onLost });
    const state = new DomainState(connection);
    this.#states.set(name, state);
    return state;
  }

  /** Connects where there is no session, asks what changed, and looks at the prerequisites from time to time. Returns when to come again (ms). */
  async #look(domain: ActiveDirectoryDomain, state: DomainState): Promise<number> {
    const { name } = domain.metadata;
    const { connection } = state;
    try {
      const settings = readSettings(domain, this.#options.cluster());
      if ("reason" in settings) {
        this.#drop(name, state, settings);
        return INSPECT_AGAIN;
      }
      if (connection.use(settings)) state.restart();
      // A connection that was lost is made anew at once; only if that fails the farms are told.
      connection.forgetLost();
      if (!connection.session) {
        const refused = this.#refused.waitFor(settings.credentials);
        if (refused > 0 && !isRefused(state.view)) this.#drop(name, state, problemOf(REFUSED, domain));
        const wait = Math.max(connection.pause, refused);
        if (wait > 0) return wait;
        await connection.open(settings);
        state.connected();
      }
      const { session, feed } = connection;
      if (!session || !feed) return connection.failed();
      await this.#inspect(domain, state, session);
      for await (const batch of feed.poll()) this.#options.wakeFarms(name, batch);
      await connection.succeeded();
      return parseDuration(domain.spec.poll) ?? 15_000;
    } catch (error) {
      if (error instanceof DistinguishedNameError) {
        this.#drop(name, state, { reason: "InvalidSpec", message: `spec.defaults: ${error.message}: correct it.` });
        return INSPECT_AGAIN;
      }
      if (error instanceof KubernetesError) throw error;
      if (!(error instanceof DirectoryError)) this.#options.log.error("a mistake of the program", { domain: name, error: String(error) });
      this.#drop(name, state, problemOf(error, domain));
      return connection.failed();
    }
  }

  async #inspect({ metadata, spec, status }: ActiveDirectoryDomain, state: DomainState, session: LdapSession): Promise<void> {
    const generation = metadata.generation ?? 0;
    if (!state.isDue(generation, parseDuration(spec.resync) ?? 3_600_000)) return;
    const observation = await inspectDomain(session, spec.defaults, this.#options.clusterId);
    if (observation.baseDN.toLowerCase() !== baseOf(spec.dnsName)) {
      throw new DirectoryError(
        "Rejected",
        `${session.url} serves ${observation.baseDN}, not ${spec.dnsName}: correct spec.servers or spec.dnsName`,
      );
    }
    if (state.take(observation, generation, status?.server)) this.#options.wakeFarms(metadata.name, { kind: "Everything" });
  }

  /** There is no usable session: farms are told, once. */
  #drop(name: string, state: DomainState, problem: DomainProblem): void {
    if (!state.drop(problem)) return;
    this.#options.log.warn("the domain is not ready", { domain: name, reason: problem.reason, error: problem.message });
    this.#options.wakeFarms(name, { kind: "Everything" });
  }

  async #report(domain: ActiveDirectoryDomain, state: DomainState, farms: number): Promise<void> {
    const { client, events, metrics } = this.#options;
    const now = new Date();
    const findings = domainFindings(state.view, now);
    const deleting = domain.metadata.deletionTimestamp !== undefined;
    if (deleting && farms > 0 && state.deletionSaid !== farms) {
      state.deletionSaid = farms;
      const names = this.#options
        .cluster()
        .farmsOf(domain.metadata.name)
        .map(({ metadata }) => keyOf(metadata));
      events.record(DOMAINS, domain, deletionBlockedEvent(names));
    }
    const status = domainStatus(domain, state.view, findings, farms, now);
    metrics.objects.domain(domain.metadata.name, status.conditions ?? []);
    const written = await patchStatus(client, DOMAINS, domain, status);
    if (written === undefined) return;
    for (const draft of domainEvents(domain, findings)) events.record(DOMAINS, domain, draft);
  }
}

const REFUSED = new DirectoryError("InvalidCredentials", "the directory refused this user name or password a moment ago");

function isRefused(view: DomainView): boolean {
  return view.kind === "Problem" && view.problem.reason === "CredentialsRejected";
}

function baseOf(dnsName: string): string {
  return dnsName
    .toLowerCase()
    .split(".")
    .map((label) => `dc=${label}`)
    .join(",");
}
