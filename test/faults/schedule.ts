/** What goes wrong, and when: decided message by message, the same way again for the same seed. */

/** A message on its way to a server, or a line of a watch on its way back. */
export interface Message {
  readonly protocol: "ldap" | "http" | "watch";
  /** LDAP: bind, search, add, modify, delete…; HTTP and watch: the method. */
  readonly operation: string;
  /** HTTP and watch: path and query. LDAP: of a search by pages, "first page" or "further page". */
  readonly path: string;
}

export type Effect =
  /** It arrives late, and so does what comes after it on the connection. */
  | { readonly kind: "Delay"; readonly milliseconds: number }
  /** It arrives late, as over a long line: what comes after it does not wait. */
  | { readonly kind: "Lag"; readonly milliseconds: number }
  /** It never arrives, and the connection closes: nothing was done. */
  | { readonly kind: "DropBefore" }
  /** It is done, but the answer never arrives, and the connection closes. */
  | { readonly kind: "DropAfter" }
  /** The connection is reset (RST) in its place. */
  | { readonly kind: "Reset" }
  /** Half open: from now on nothing passes, either way, and nobody closes. */
  | { readonly kind: "Hang" }
  /** An answer that is no message. */
  | { readonly kind: "Garbage" }
  /** The server is not asked; this is the answer: an LDAP result code or an HTTP status. */
  | { readonly kind: "Error"; readonly code: number; readonly text?: string }
  /** Something is done outside, just before it is passed on or just after it was done: SIGKILL and SIGSTOP, a server that stops. */
  | { readonly kind: "Call"; readonly at: "before" | "after"; readonly action: () => Promise<void> | void };

export interface Fault {
  readonly matches: (message: Message) => boolean;
  /** The n-th matching message, from 1; or each with a probability. */
  readonly when: { readonly nth: number } | { readonly probability: number };
  readonly effect: Effect;
}

/** mulberry32: small, and good enough to choose messages. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export class Schedule {
  #faults: readonly Fault[];
  #counts: number[];
  readonly #random: () => number;
  /** What was done, and to which message: for the report of a test that fails. */
  readonly done: string[] = [];
  /** Every message that passed, matched or not. */
  readonly seen: Message[] = [];

  constructor(faults: readonly Fault[] = [], seed = 1) {
    this.#faults = faults;
    this.#counts = faults.map(() => 0);
    this.#random = randomOf(seed);
  }

  /** From now on these; none by default. */
  set(...faults: readonly Fault[]): void {
    this.#faults = faults;
    this.#counts = faults.map(() => 0);
  }

  /** The first fault that is due decides. */
  decide(message: Message): Effect | undefined {
    this.seen.push(message);
    for (const [index, { matches, when, effect }] of this.#faults.entries()) {
      if (!matches(message)) continue;
      const count = (this.#counts[index] ?? 0) + 1;
      this.#counts[index] = count;
      if ("nth" in when ? count !== when.nth : this.#random() >= when.probability) continue;
      this.done.push(`${effect.kind} at ${message.protocol} ${message.operation} ${message.path}`);
      return effect;
    }
    return undefined;
  }
}

export function matching(protocol: Message["protocol"], operation?: string | RegExp, path?: RegExp): (message: Message) => boolean {
  return (message) =>
    message.protocol === protocol &&
    (operation === undefined || (typeof operation === "string" ? message.operation === operation : operation.test(message.operation))) &&
    (path === undefined || path.test(message.path));
}
