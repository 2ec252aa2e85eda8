/** What every object of the Kubernetes API has, as far as this program uses it. */
export interface KubernetesObject {
  readonly metadata: ObjectMeta;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  /** Set while the object waits for its finalizers. */
  readonly deletionTimestamp?: string;
  readonly finalizers?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

/** A kind of the API and the plural that its URLs use. */
export interface ResourceKind {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
}

/** `namespace/name`, or `name` for a cluster-scoped object. */
export function keyOf(metadata: { readonly namespace?: string; readonly name: string }): string {
  return metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}

/** A condition of either resource, as the API conventions have it. */
export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly observedGeneration?: number;
  readonly lastTransitionTime: string;
  readonly reason: string;
  readonly message: string;
}

/** A condition before it has a time. */
export interface ConditionDraft {
  readonly type: string;
  readonly status: Condition["status"];
  readonly reason: string;
  readonly message: string;
  /** The generation that it was found in, where that is not the present one. */
  readonly observedGeneration?: number | undefined;
}

/** Kubernetes refuses a longer message; the beginning says the most. */
const MESSAGE_LENGTH = 4096;

/**
 * The drafts as conditions. A condition's lastTransitionTime moves only with its status, so that nothing differs where nothing changed.
 * Conditions without a draft go: those that exist only while True (Reconciling, Stalled) end so.
 */
export function toConditions(
  previous: readonly Condition[],
  drafts: readonly ConditionDraft[],
  observedGeneration: number,
  now: Date,
): readonly Condition[] {
  return drafts.map(({ type, status, reason, message, observedGeneration: found }) => {
    const before = previous.find((condition) => condition.type === type);
    return {
      type,
      status,
      observedGeneration: found ?? observedGeneration,
      lastTransitionTime: before?.status === status ? before.lastTransitionTime : timestamp(now),
      reason,
      message: message.length > MESSAGE_LENGTH ? `${message.slice(0, MESSAGE_LENGTH - 1)}…` : message,
    };
  });
}

/** RFC 3339 in whole seconds, as Kubernetes writes times. */
export function timestamp(time: Date): string {
  return time.toISOString().replace(/\.\d{3}Z$/, "Z");
}

/** kstatus: Stalled or Reconciling, whichever it is, and neither once ready. */
export function progress(ready: ConditionDraft, stalled: boolean): readonly ConditionDraft[] {
  if (ready.status === "True") return [];
  const { reason, message } = ready;
  return [{ type: stalled ? "Stalled" : "Reconciling", status: "True", reason, message }];
}

/** What to do with an object that has a finalizer of ours: a total function of two facts. */
export type FinalizerAction = "Add" | "Reconcile" | "CleanUp" | "Ignore";

export function finalizerAction(present: boolean, deleting: boolean): FinalizerAction {
  if (deleting) return present ? "CleanUp" : "Ignore";
  return present ? "Reconcile" : "Add";
}

/** The merge patch (RFC 7386) that makes `to` of `from`; undefined where they are equal. */
export function mergePatch(from: object, to: object): object | undefined {
  const before = new Map<string, unknown>(Object.entries(from));
  const after = new Map<string, unknown>(Object.entries(to).filter(([, value]) => value !== undefined));
  const patch: Record<string, unknown> = {};
  for (const key of before.keys()) if (!after.has(key)) patch[key] = null;
  for (const [key, value] of after) {
    const old = before.get(key);
    if (isRecord(old) && isRecord(value)) {
      const inner = mergePatch(old, value);
      if (inner !== undefined) patch[key] = inner;
    } else if (!equal(old, value)) patch[key] = value;
  }
  return Object.keys(patch).length > 0 ? patch : undefined;
}

function isRecord(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Values as JSON has them; the order of an object's keys does not count. */
function equal(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, index) => equal(item, b[index]));
  if (!isRecord(a) || !isRecord(b)) return a === b;
  // A key without a value is none.
  const isMissing = (key: string): boolean => !(key in a) && Reflect.get(b, key) !== undefined;
  return Object.keys(a).every((key) => equal(Reflect.get(a, key), Reflect.get(b, key))) && !Object.keys(b).some(isMissing);
}

/** The name of the domain that a farm is in. */
export function domainOf({ spec }: { readonly spec: { readonly domainRef: { readonly name: string } } }): string {
  return spec.domainRef.name;
}

/** Keys of objects by a name that each of them has: to count those of a name costs nothing that grows with the number of objects. */
export class KeysBy<T extends KubernetesObject> {
  readonly #keys = new Map<string, Set<string>>();
  readonly #nameOf: (object: T) => string;

  constructor(nameOf: (object: T) => string) {
    this.#nameOf = nameOf;
  }

  /** Told of every change of an object. */
  changed(object: T | undefined, previous: T | undefined): void {
    const [before, after] = [previous && this.#nameOf(previous), object && this.#nameOf(object)];
    if (before === after) return;
    const key = keyOf((object ?? previous)?.metadata ?? { name: "" });
    if (before !== undefined) {
      this.#keys.get(before)?.delete(key);
      if (this.#keys.get(before)?.size === 0) this.#keys.delete(before);
    }
    if (after !== undefined) this.#keys.set(after, (this.#keys.get(after) ?? new Set()).add(key));
  }

  of(name: string): ReadonlySet<string> {
    return this.#keys.get(name) ?? new Set();
  }
}
