/** ActiveDirectoryDomain: one session with the directory for each domain, its conditions, and what changed there. */
import type { Brake } from "../ad/domain.ts";
import { DirectoryError } from "../ad/error.ts";
import { DOMAIN_FINALIZER } from "../api/annotations.ts";
import { ACTIVE_DIRECTORY_DOMAIN, type ActiveDirectoryDomain } from "../api/generated/active-directory-domain.ts";
import type { ServerFarm } from "../api/generated/server-farm.ts";
import { domainOf, finalizerAction, KeysBy } from "../api/object.ts";
import { WorkQueue } from "../base/work-queue.ts";
import { inspectDomain } from "../directory/inspection.ts";
import type { LdapSession } from "../directory/session.ts";
import { brakeOf } from "../domain/brake.ts";
import type { DomainProblem } from "../domain/findings.ts";
import { DomainState, INSPECT_AGAIN } from "../domain/state.ts";
import { CHANGE_KINDS } from "../farm/changes/index.ts";
import { KubernetesError } from "../kubernetes/api-error.ts";
import type { Copies } from "../kubernetes/reflector.ts";
import { addFinalizer, hasSpec, removeFinalizer, type Resource } from "../kubernetes/resource.ts";
import { DistinguishedNameError } from "../names/distinguished-name.ts";
import { accessOf, type DomainAccess } from "./domain-access.ts";
import { DomainConnection, LONGEST_PAUSE } from "./domain-connection.ts";
import { baseDnOf, type DomainData, followData, isRead, pollOf, problemOf, readSettings, resyncOf, watchData } from "./domain-settings.ts";
import { DomainNews } from "./wake-farms.ts";
import { reportDomain } from "./domain-report.ts";
import { InspectedGeneration } from "./inspected-generation.ts";
import { after, type After, type Context, type Kind, type Result } from "./kind.ts";
import { isRefused, REFUSED, RefusedCredentials } from "./refused-credentials.ts";
import { sayInternal } from "./runtime.ts";

export const DOMAINS: Resource<ActiveDirectoryDomain> = {
  ...ACTIVE_DIRECTORY_DOMAIN,
  is: (value): value is ActiveDirectoryDomain => hasSpec(value),
};

/** Farms that came or went are counted together after this long (ms). */
const COUNT_AFTER = 1000;

/** A domain that is looked at. */
interface Watched {
  readonly state: DomainState;
  readonly connection: DomainConnection;
  readonly since: InspectedGeneration;
  /** Set by the watch itself, so that it holds in the middle of a burst. */
  readonly brake: { holds: Brake | undefined };
}

export class DomainKind implements Kind<ActiveDirectoryDomain> {
  readonly name = "activedirectorydomain";
  readonly workers = Infinity;
  readonly isAbandoned = true;
  readonly annotations: readonly string[] = [];
  readonly objects: Copies<ActiveDirectoryDomain>;
  readonly queue: WorkQueue;
  /** The farms of each domain. */
  readonly farms = new KeysBy<ServerFarm>(domainOf);
  /** By the domains' names. One that is not in it was not looked at yet: as if it were Connecting. */
  readonly access: ReadonlyMap<string, DomainAccess>;
  readonly #context: Context;
  readonly #farms: Copies<ServerFarm>;
  readonly #data: DomainData;
  readonly #access = new Map<string, DomainAccess>();
  readonly #watched = new Map<string, Watched>();
  /** Told when objects of a domain changed in the directory, or when everything there has to be compared. */
  readonly news = new DomainNews();
  readonly #refused = new RefusedCredentials();

  constructor(context: Context, farms: Copies<ServerFarm>) {
    const { cluster, metrics } = context;
    this.#context = context;
    this.#farms = farms;
    this.objects = cluster.watch(DOMAINS, "Cluster");
    this.#data = watchData(cluster, this.objects);
    // One that does not answer delays no other: each is asked for itself, and its key is never taken twice at once.
    this.queue = new WorkQueue({ observer: metrics.queue(this.name) });
    this.access = this.#access;
  }

  start(): void {
    for (const farm of this.#farms.list()) this.farms.changed(farm, undefined);
    // The domain counts its farms, and its deletion waits for the last of them.
    this.#farms.subscribe((_, farm, previous) => {
      this.farms.changed(farm, previous);
      const domains = new Set([farm?.spec.domainRef.name, previous?.spec.domainRef.name]);
      if (farm && previous && domains.size === 1) return;
      for (const domain of domains) if (domain !== undefined) this.queue.addAfter(domain, COUNT_AFTER);
    });
    followData(this.#data, this.objects, (domain) => {
      this.queue.add(domain);
    });
  }

  /** The brake, defaults and what may be adopted hold before anything more is asked or sent; nobody waits for the domain's own turn. */
  changed(domain: ActiveDirectoryDomain | undefined): void {
    if (!domain) return;
    const [watched, holds] = [this.#watchedOf(domain.metadata.name), brakeOf(domain.spec)];
    const before = watched.brake.holds;
    watched.brake.holds = holds;
    if (before !== holds && [before, holds].includes("Suspend")) watched.state.restart();
    this.#publish(domain, watched, before !== holds);
  }

  close(): void {
    for (const { connection } of this.#watched.values()) connection.close();
  }

  async reconcile(name: string, clusterId: string, signal: AbortSignal): Promise<Result> {
    const { client, metrics, log } = this.#context;
    const domain = this.objects.get(name);
    if (!domain) {
      const gone = this.#watched.get(name);
      gone?.connection.close();
      this.#watched.delete(name);
      this.#access.delete(name);
      this.queue.drop(name);
      metrics.objects.domainGone(name);
      // One that never was is asked for whenever a farm comes or goes that names it.
      if (gone) this.news.tellAll(name);
      return { kind: "Done" };
    }
    const farms = this.farms.of(name);
    const present = domain.metadata.finalizers?.includes(DOMAIN_FINALIZER) ?? false;
    const action = finalizerAction(present, domain.metadata.deletionTimestamp !== undefined);
    if (action === "Add") {
      await addFinalizer(client, DOMAINS, domain, DOMAIN_FINALIZER);
      return { kind: "Done" };
    }
    if (action === "CleanUp" && farms.size === 0) {
      await removeFinalizer(client, DOMAINS, domain, DOMAIN_FINALIZER);
      return { kind: "Done" };
    }
    const watched = this.#watchedOf(name);
    const isSuspended = watched.brake.holds === "Suspend";
    // It is queued again once they are.
    if (!isSuspended && !isRead(domain, this.#data)) return { kind: "Done" };
    if (isSuspended) watched.connection.close();
    const next = isSuspended ? undefined : await this.#poll(domain, watched, clusterId);
    if (signal.aborted) return { kind: "Done" };
    try {
      await reportDomain(this.#context, DOMAINS, domain, watched, farms);
      if (watched.state.recorded()) this.#publish(domain, watched, true);
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      // The directory is asked on, whatever the API server says; the status follows.
      log.warn("the status of the domain was not written", { domain: name, error: error.message });
      return after(Math.min(next?.delay ?? LONGEST_PAUSE, LONGEST_PAUSE), error.kind !== "Conflict");
    }
    return next ?? { kind: "Done" };
  }

  #watchedOf(name: string): Watched {
    const known = this.#watched.get(name);
    if (known) return known;
    const { metrics, dnsServers, log, fence, audit } = this.#context;
    metrics.domainStarted(name, CHANGE_KINDS);
    const onLost = (): void => {
      this.queue.add(name);
    };
    const brake: Watched["brake"] = { holds: undefined };
    const watched = {
      brake,
      connection: new DomainConnection({ domain: name, metrics, dnsServers, log, fence, brake, audit, refused: this.#refused, onLost }),
      state: new DomainState({ monotonic: () => performance.now(), wall: () => new Date() }),
      since: new InspectedGeneration(),
    };
    this.#watched.set(name, watched);
    return watched;
  }

  /** Connects where there is no session, asks what changed, and looks at the prerequisites from time to time. */
  async #poll(domain: ActiveDirectoryDomain, watched: Watched, clusterId: string): Promise<After> {
    const { name } = domain.metadata;
    const { state, connection } = watched;
    try {
      const settings = readSettings(domain, this.#data);
      if ("reason" in settings) {
        this.#drop(domain, watched, settings);
        return after(INSPECT_AGAIN);
      }
      if (connection.use(settings)) state.restart();
      // A connection that was lost is made anew at once; only if that fails the farms are told.
      connection.forgetLost();
      this.#publish(domain, watched);
      if (!connection.session) {
        const refused = this.#refused.waitFor(settings.credentials);
        if (refused > 0 && !isRefused(state)) this.#drop(domain, watched, problemOf(REFUSED, domain));
        const wait = Math.max(connection.pause, refused);
        if (wait > 0) return after(wait);
        await connection.open(settings, domain.status?.server?.url);
        state.connected();
      }
      const { session, feed } = connection;
      if (!session || !feed) return after(connection.failed(), true);
      await this.#inspect(domain, watched, session, clusterId);
      for await (const batch of feed.poll()) await this.news.tell(name, batch);
      await connection.succeeded();
      return after(pollOf(domain));
    } catch (error) {
      if (error instanceof DistinguishedNameError) {
        this.#drop(domain, watched, { reason: "InvalidSpec", message: `spec.defaults: ${error.message}: correct it.` });
        return after(INSPECT_AGAIN);
      }
      if (error instanceof KubernetesError) throw error;
      // Suspended meanwhile, and queued for it.
      if (watched.brake.holds === "Suspend") return after(0);
      if (connection.lostInUse) return after(0, true);
      if (!(error instanceof DirectoryError)) sayInternal(this.#context, this.name, name, error);
      this.#drop(domain, watched, problemOf(error, domain));
      return after(connection.failed(), true);
    }
  }

  async #inspect(domain: ActiveDirectoryDomain, watched: Watched, session: LdapSession, clusterId: string): Promise<void> {
    const { spec, status } = domain;
    const generation = watched.since.of(domain);
    if (!watched.state.isDue(generation, resyncOf(domain))) return;
    const observation = await inspectDomain(session, spec.defaults, clusterId);
    if (observation.baseDN.toLowerCase() !== baseDnOf(spec.dnsName)) {
      throw new DirectoryError(
        "Rejected",
        `${session.url} serves ${observation.baseDN}, not ${spec.dnsName}: correct ${spec.discovery ? "spec.discovery" : "spec.servers"} or spec.dnsName`,
      );
    }
    const news = watched.state.accept(observation, generation, status?.server);
    this.#publish(domain, watched, news);
  }

  /** There is no usable session: farms are told, once. */
  #drop(domain: ActiveDirectoryDomain, watched: Watched, problem: DomainProblem): void {
    const { name } = domain.metadata;
    watched.connection.close();
    const news = watched.state.drop(problem);
    if (news) this.#context.log.warn("the domain is not ready", { domain: name, reason: problem.reason, error: problem.message });
    this.#publish(domain, watched, news);
  }

  /** Says how the domain is reached now, and wakes what lives there, if that is news. To be called before anything is waited for. */
  #publish(domain: ActiveDirectoryDomain, watched: Watched, news = false): void {
    const { name } = domain.metadata;
    // It may have changed since this turn of it began.
    const newest = this.objects.get(name) ?? domain;
    this.#access.set(name, accessOf(newest, watched.state, watched.connection.reached, watched.brake.holds));
    if (news) this.news.tellAll(name);
  }
}
