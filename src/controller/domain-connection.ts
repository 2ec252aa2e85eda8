/** The session of one domain and its feed: made when they are needed, made anew where the connection was lost, with pauses between failures. */
import type { Reader } from "../ad/port.ts";
import { ChangeFeed } from "../directory/feed.ts";
import { ContainerSearches } from "../directory/container-searches.ts";
import { Discovery, type DiscoveryNote } from "../directory/discovery.ts";
import { LdapReader } from "../directory/reader.ts";
import { LdapWriter } from "../directory/writer.ts";
import type { BrakeState } from "../ad/domain.ts";
import type { Fence } from "../ad/port.ts";
import { OwnWrites } from "../directory/own-writes.ts";
import { LdapSession } from "../directory/session.ts";
import { settle } from "../directory/settle.ts";
import { REPLICATED } from "../domain/state.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Settings } from "./domain-settings.ts";
import type { RefusedCredentials } from "./refused-credentials.ts";

export interface DomainConnectionOptions {
  readonly domain: string;
  readonly metrics: Metrics;
  readonly dnsServers: readonly string[];
  readonly log: Log;
  readonly fence: Fence;
  readonly brake: BrakeState;
  readonly audit: Log;
  readonly refused: RefusedCredentials;
  readonly onLost: () => void;
}

const PAUSE = 1000;
/** Between two tries to connect, in milliseconds. */
export const LONGEST_PAUSE = 15_000;
const KEEP_ALIVE = 300_000;

/** One reader and one writer for all farms: what they ask at once is asked together, and what they write waits for its turn. */
export interface Reached {
  readonly session: LdapSession;
  readonly reader: Reader;
  /** Of computers below containers. */
  readonly searches: Reader;
  readonly writer: LdapWriter;
  readonly feed: ChangeFeed;
}

export class DomainConnection {
  readonly #options: DomainConnectionOptions;
  #open: Reached | undefined;
  /** Of servers, credentials and CA: another one asks for another session. */
  #fingerprint: string | undefined;
  /** Failures in a row, and when the last was, on the monotonic clock. */
  #failures = 0;
  #failedAt = 0;
  #keptAliveAt = 0;
  #lastPoll: number | undefined;
  readonly #own: OwnWrites;
  /** All went well with this session once. */
  #proven = false;
  /** The server that fell silent, if that was how the last session ended. */
  #silent: string | undefined;
  readonly #discovery: Discovery;
  #notes: readonly DiscoveryNote[] = [];
  /** The URL of the server that was used last. */
  #last: string | undefined;

  constructor(options: DomainConnectionOptions) {
    this.#options = options;
    this.#discovery = new Discovery(options.dnsServers);
    this.#own = new OwnWrites(REPLICATED, (line) => {
      options.audit.info("a write to the directory", { logger: "audit", domain: options.domain, ...line });
    });
  }

  /** It may have been lost this very moment: then its requests fail, and it is made anew. */
  get session(): LdapSession | undefined {
    return this.#open?.session;
  }

  get reached(): Reached | undefined {
    return this.#open;
  }

  get feed(): ChangeFeed | undefined {
    return this.#open?.feed;
  }

  /** What the last answers of DNS give to say, though servers were found. */
  get notes(): readonly DiscoveryNote[] {
    return this.#notes;
  }

  /** When all last went well, in seconds since 1970, whichever session it was. */
  get lastPoll(): number | undefined {
    return this.#lastPoll;
  }

  /** Lets go of a session with other settings than these. True where there were others. */
  use({ fingerprint }: Settings): boolean {
    if (this.#fingerprint === fingerprint) return false;
    this.close();
    this.#fingerprint = fingerprint;
    this.#failures = 0;
    return true;
  }

  /** Lets go of a session that was lost. */
  forgetLost(): void {
    if (this.session?.usable === false) this.close();
  }

  /** It was lost in the middle of what had gone well before: another is made at once, and nobody else need hear of it unless that fails. */
  get lostInUse(): boolean {
    return this.#proven && this.session?.usable === false;
  }

  /** How long to wait before the next try to connect, in milliseconds. */
  get pause(): number {
    if (this.#failures === 0) return 0;
    const pause = Math.min(LONGEST_PAUSE, PAUSE * 2 ** Math.min(this.#failures - 1, 10));
    return Math.max(0, this.#failedAt + pause - performance.now());
  }

  /** `recorded`: the URL of the server that was used before the program started. Rejects with DirectoryError. */
  async open(settings: Settings, recorded?: string): Promise<void> {
    const { username, password, ca, credentials } = settings;
    const { domain, metrics, log, fence, brake, refused, onLost } = this.#options;
    const servers = await this.#find(settings, recorded);
    const silent = this.#silent;
    this.#silent = undefined;
    const session = await LdapSession.open({
      // Whoever has just fallen silent would cost the same time again.
      servers: [...servers.filter((server) => server !== silent), ...servers.filter((server) => server === silent)],
      username,
      password,
      ca,
      lookup: settings.discovery && this.#discovery.lookup,
      fence,
      brake,
      own: this.#own,
      observe: metrics.directoryRequests(domain),
      onRefused: () => {
        refused.note(credentials);
      },
    });
    refused.forget(credentials);
    this.#last = session.url;
    log.info("connected", { domain, server: session.url, dnsHostName: session.rootDse.dnsHostName });
    this.#proven = false;
    const [reader, searches] = [new LdapReader(session), new ContainerSearches(session)];
    this.#open = { session, reader, searches, writer: new LdapWriter(session), feed: new ChangeFeed(session) };
    this.#keptAliveAt = performance.now();
    session.onLost(() => {
      if (this.session !== session) return;
      log.warn("the connection was lost", { domain, server: session.url });
      onLost();
    });
  }

  /** Where a connection is needed, and only there: a server that is in use stays so, whatever DNS says meanwhile. */
  async #find({ servers = [], discovery }: Settings, recorded: string | undefined): Promise<readonly string[]> {
    if (!discovery) return servers;
    const { domain, log } = this.#options;
    const found = await this.#discovery.find(discovery, this.#last ?? recorded);
    log.debug("found in DNS", { domain, servers: found.servers });
    this.#notes = found.notes;
    return found.servers;
  }

  /** All went well; from time to time an idle connection is used, before it is cut. */
  async succeeded(): Promise<void> {
    this.#lastPoll = Math.floor(Date.now() / 1000);
    if (performance.now() - this.#keptAliveAt > KEEP_ALIVE) {
      this.#keptAliveAt = performance.now();
      // The poll does not wait for it: it may be that of a connection that is dead.
      void this.session?.keepAlive();
    }
    // A write whose answer was lost was done, or was not; if nobody writes, nobody else looks.
    if (this.session && this.#own.unsettled.size > 0) await settle(this.session);
    this.#failures = 0;
    this.#proven = true;
  }

  /** Returns how long to wait before the next try, in milliseconds. */
  failed(): number {
    this.#failures++;
    this.#failedAt = performance.now();
    return Math.max(this.pause, PAUSE);
  }

  close(): void {
    const { session } = this;
    if (session?.silent === true) this.#silent = session.url;
    session?.close();
    this.#open = undefined;
  }
}
