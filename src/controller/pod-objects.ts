/** What is published for Pods, as the cluster has it: copies by label, live reads, and writes with a line in the audit log for each. */
import type { Asker } from "../ad/port.ts";
import { auditedOf } from "../credential-spec/events.ts";
import {
  domainSidOf,
  FARM_UID,
  farmOf,
  type Found,
  type FoundObject,
  keptOf,
  KINDS,
  type NamedAccount,
  type Owner,
  ownerBy,
  placeOf,
  standingOf,
  type PublishedKind,
} from "../credential-spec/objects.ts";
import { kindOf, type Step } from "../credential-spec/plan.ts";
import type { WantedObject } from "../credential-spec/wanted.ts";
import { keyOf } from "../api/object.ts";
import { KubernetesError } from "../kubernetes/api-error.ts";
import { getObject, isKubernetesObject, pathOf, type Resource } from "../kubernetes/resource.ts";
import type { Context } from "./kind.ts";
import type { LabelledCopies } from "./labelled-copies.ts";
import { PublishedAccounts } from "./published-accounts.ts";

/** Watched by their label. ConfigMaps are not: the right to watch those of everybody would show far more than is needed. */
const WATCHED = ["GMSACredentialSpec", "Role", "RoleBinding"] as const satisfies readonly PublishedKind[];

function resourceOf(kind: PublishedKind): Resource<FoundObject> {
  return { ...KINDS[kind], is: (value): value is FoundObject => isKubernetesObject(value) };
}

function copiedAs(kind: PublishedKind): Resource<FoundObject> {
  return { ...resourceOf(kind), keep: (object) => keptOf(kind, object) };
}

export class PodObjects {
  readonly #context: Context;
  readonly #copies: ReadonlyMap<PublishedKind, LabelledCopies<FoundObject>>;
  readonly #accounts = new PublishedAccounts();

  /** `onChange`: the objects can be seen, or cannot any more. */
  constructor(context: Context, onChange: () => void) {
    this.#context = context;
    this.#copies = new Map(WATCHED.map((kind) => [kind, context.cluster.watchLabelled(copiedAs(kind), FARM_UID, onChange)]));
    this.#copies.get("GMSACredentialSpec")?.subscribe((...change) => {
      this.#accounts.changed(...change);
    });
  }

  /** Farms (`namespace/name`) whose credential spec names the account, as far as specs are seen. Two forests may have domains of one name. */
  publishersOf(account: NamedAccount & { readonly domainSID: string | undefined }): readonly string[] {
    const specs = this.#copies.get("GMSACredentialSpec");
    return this.#accounts.of(account).flatMap((key) => {
      const spec = specs?.get(key);
      const sid = spec && domainSidOf(spec);
      const isOther = sid !== undefined && account.domainSID !== undefined && sid !== account.domainSID;
      return (spec && !isOther && farmOf(spec)) || [];
    });
  }

  /** Why they cannot be seen. NotFound: the cluster has no credential specs. */
  get problem(): KubernetesError | undefined {
    const problems = WATCHED.flatMap((kind) => this.#copies.get(kind)?.problem ?? []);
    return problems.find(({ kind }) => kind !== "NotFound") ?? problems[0];
  }

  /** The listener is told of each change, with the farm that the object names. */
  subscribe(listener: (farm: string, kind: PublishedKind, object: FoundObject | undefined) => void): void {
    for (const [kind, copies] of this.#copies) {
      copies.subscribe((key, object, previous) => {
        // It may name another farm than before, or none.
        const farms = new Set([object, previous].flatMap((one) => (one && farmOf(one)) ?? []));
        for (const farm of farms) if (key === keyOf(placeOf(kind, ownerBy(farm)))) listener(farm, kind, object);
      });
    }
  }

  /** Whether this replica may write: it holds the Lease. */
  get leads(): boolean {
    return performance.now() < this.#context.fence.until;
  }

  /** By their labels, as far as they are watched. */
  copiesOf(owner: Pick<Owner, "namespace" | "name">): Found {
    return Object.fromEntries(
      [...this.#copies].flatMap(([kind, copies]): [PublishedKind, FoundObject][] => {
        const object = copies.get(keyOf(placeOf(kind, owner)));
        return object ? [[kind, object]] : [];
      }),
    );
  }

  /** Live, whatever their labels. Rejects with KubernetesError. */
  async read(kinds: readonly PublishedKind[], owner: Owner): Promise<Found> {
    const found = await Promise.all(
      kinds.map(async (kind) => ({ kind, object: await getObject(this.#context.client, resourceOf(kind), placeOf(kind, owner)) })),
    );
    return Object.fromEntries(found.flatMap(({ kind, object }) => (object ? [[kind, object]] : [])));
  }

  /** Resolves with the object as it is then. Rejects with KubernetesError, Conflict where it is not any more what the step was planned for. */
  async apply(step: Step, asker: Asker): Promise<FoundObject | undefined> {
    // Whoever leads now may have other views.
    if (!this.leads) throw new KubernetesError("Conflict", "the Lease is not held any more");
    try {
      const written = await this.#send(step);
      this.#tell(step, asker, written);
      // A binding with a finalizer stays, and gives the right for as long as it does.
      if (written && step.do === "Delete" && step.kind === "RoleBinding") await this.#empty(written, asker);
      return step.do === "Delete" ? undefined : written;
    } catch (error) {
      if (error instanceof KubernetesError) this.#tell(step, asker, error);
      throw error;
    }
  }

  async #send(step: Step): Promise<FoundObject | undefined> {
    const { client } = this.#context;
    if (step.do === "Delete") {
      const { namespace, name, uid, resourceVersion } = step.found.metadata;
      const body = { apiVersion: "v1", kind: "DeleteOptions", preconditions: { uid, resourceVersion } };
      const left = await client.request("DELETE", pathOf(KINDS[step.kind], namespace, name), { body }).catch(unlessGone);
      return resourceOf(step.kind).is(left) && left.metadata.deletionTimestamp !== undefined ? left : undefined;
    }
    const { kind, namespace, name } = step.object;
    if (step.do === "Create")
      return accept(kind, await client.request("POST", pathOf(KINDS[kind], namespace), { body: manifestOf(step.object) }));
    const { uid, resourceVersion } = step.found.metadata;
    const patched = "metadata" in step.patch && typeof step.patch.metadata === "object" ? step.patch.metadata : {};
    const body = { ...step.patch, metadata: { ...patched, uid, resourceVersion } };
    return accept(kind, await client.request("PATCH", pathOf(KINDS[kind], namespace, name), { body, contentType: MERGE_PATCH }));
  }

  /**
   * Whoever changes a binding must hold all that its role gives: where that is more than a credential spec, the role is emptied if it is the farm's, and another
   * one does not give the farm's right.
   */
  async #empty(binding: FoundObject, asker: Asker): Promise<void> {
    try {
      await this.apply(emptied("RoleBinding", binding, { subjects: [] }), asker);
    } catch (error) {
      if (!(error instanceof KubernetesError) || (error.kind !== "Forbidden" && error.kind !== "NotFound")) throw error;
      const key = farmOf(binding);
      if (key === undefined) return;
      const owner = { ...ownerBy(key), uid: "" };
      const { Role: role } = await this.read(["Role"], owner);
      if (role && standingOf("Role", role, owner) === "Own") await this.apply(emptied("Role", role, { rules: [] }), asker);
    }
  }

  #tell(step: Step, { farm, cause }: Asker, end: FoundObject | KubernetesError | undefined): void {
    const kind = kindOf(step);
    const { namespace, name } = step.do === "Delete" ? step.found.metadata : step.object;
    const error = end instanceof KubernetesError ? end : undefined;
    const seen = step.do === "Create" ? (end instanceof KubernetesError ? undefined : end) : step.found;
    this.#context.audit.info("a write to Kubernetes", {
      logger: "audit",
      serverFarm: farm,
      cause,
      operation: ({ Create: "Create", Fix: "Modify", Delete: "Delete" } as const)[step.do],
      kubernetesObject: { apiVersion: KINDS[kind].apiVersion, kind, namespace, name, uid: seen?.metadata.uid },
      attributes: auditedOf(step),
      result: error ? (error.kind === "Unavailable" ? "Unknown" : "Refused") : "Done",
      code: error?.status,
      error: error?.message,
    });
  }
}

function emptied(kind: PublishedKind, found: FoundObject, patch: object): Step {
  const { name, namespace, labels = {} } = found.metadata;
  const object = { kind, name, ...(namespace === undefined ? {} : { namespace }), labels, annotations: {}, ownerReferences: [], body: {} };
  return { do: "Fix", object, found, patch };
}

const MERGE_PATCH = "application/merge-patch+json";

function unlessGone(error: unknown): undefined {
  if (error instanceof KubernetesError && error.kind === "NotFound") return undefined;
  throw error;
}

function accept(kind: PublishedKind, value: unknown): FoundObject {
  const resource = resourceOf(kind);
  if (resource.is(value)) return value;
  throw new KubernetesError("Rejected", `the answer is no ${kind}`);
}

function manifestOf({ kind, namespace, name, labels, annotations, ownerReferences, body }: WantedObject): object {
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }), labels, annotations };
  const owned = ownerReferences.length > 0 ? { ...metadata, ownerReferences } : metadata;
  return { apiVersion: KINDS[kind].apiVersion, kind, metadata: owned, ...body };
}
