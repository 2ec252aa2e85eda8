/** The API server's operations on objects, without HTTP: create, update, patch, delete, list, and what follows from them. */
import { randomBytes, randomUUID } from "node:crypto";
import {
  type ApiObject,
  at,
  compact,
  equal,
  isApiObject,
  isArray,
  isObject,
  type Json,
  type JsonObject,
  list,
  textAt,
  textsOf,
} from "./json.ts";
import { jsonPatch, mergePatch, strategicPatch } from "./patch.ts";
import { BUILT_IN, fromDefinition, groupVersion, type ResourceType } from "./resources.ts";
import { fillDefaults, prune, validate } from "./schema.ts";
import type { Selector } from "./selectors.ts";
import { alreadyExists, badRequest, conflict, fieldError, invalid, notFound, qualified, StatusError } from "./status.ts";
import { Store } from "./store.ts";

export interface Target {
  readonly type: ResourceType;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
}

export interface WriteOptions {
  readonly dryRun: boolean;
  readonly fieldValidation: "Ignore" | "Warn" | "Strict";
  /** Takes what should be said to the client beside the answer. */
  readonly warn: (text: string) => void;
}

export function storeKey({ group, plural }: ResourceType): string {
  return `${group}/${plural}`;
}

function keyOf(namespace: string, name: string): string {
  return namespace === "" ? name : `${namespace}/${name}`;
}

/** An event is written by many and lives for an hour, wherever its object is. */
const DNS_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const SERVER_METADATA = ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"];

const EMPTY = new Set(["[]", "{}", '""', "null"]);

export class Api {
  readonly store: Store;
  #custom: readonly ResourceType[] = [];

  constructor(store = new Store()) {
    this.store = store;
  }

  get types(): readonly ResourceType[] {
    return [...BUILT_IN, ...this.#custom];
  }

  find(group: string, version: string, plural: string): ResourceType | undefined {
    return this.types.find((type) => type.group === group && type.version === version && type.plural === plural);
  }

  get({ type, namespace, name }: Target): ApiObject {
    const object = this.store.get(storeKey(type), keyOf(namespace, name));
    if (!object) throw notFound(type, name);
    return this.#served(type, object);
  }

  list(type: ResourceType, namespace: string, selected: Selector): readonly ApiObject[] {
    return this.store
      .list(storeKey(type), namespace)
      .map((object) => this.#served(type, object))
      .filter(selected);
  }

  create({ type, namespace }: Target, body: Json, options: WriteOptions): ApiObject {
    const given = this.#accept(type, namespace, body);
    const generateName = textAt(given, "metadata", "generateName");
    const name =
      given.metadata.name ?? (generateName === undefined ? undefined : `${generateName}${randomBytes(3).toString("hex").slice(0, 5)}`);
    if (name === undefined || name === "")
      throw invalid(type, "", [fieldError("FieldValueRequired", "metadata.name", "name or generateName is required")]);
    if (!DNS_NAME.test(name) && !type.group.startsWith("rbac")) {
      const rule = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'";
      throw invalid(type, name, [fieldError("FieldValueInvalid", "metadata.name", rule, name)]);
    }
    if (type.namespaced) this.#verifyNamespace(namespace);
    const key = keyOf(namespace, name);
    if (this.store.get(storeKey(type), key)) throw alreadyExists(type, name);
    const metadata = compact({
      ...given.metadata,
      name,
      ...(type.namespaced ? { namespace } : { namespace: undefined }),
      uid: randomUUID(),
      resourceVersion: undefined,
      creationTimestamp: now(),
      deletionTimestamp: undefined,
      managedFields: undefined,
      ...(type.generation ? { generation: 1 } : { generation: undefined }),
    });
    const clean = { ...given, metadata, ...(type.status && type.custom ? { status: undefined } : {}) };
    const object = this.#complete(type, this.#prepare(type, compact(clean), options), name);
    this.#verify(type, object, undefined, name);
    if (options.dryRun) return object;
    return this.#stored(type, key, object);
  }

  update(target: Target, body: Json, options: WriteOptions): ApiObject {
    const { type, namespace, name } = target;
    const given = this.#accept(type, namespace, body);
    const current = this.get(target);
    if (type.custom && given.metadata.resourceVersion === undefined) {
      throw invalid(type, name, [fieldError("FieldValueInvalid", "metadata.resourceVersion", "must be specified for an update", 0)]);
    }
    return this.#replace(target, current, given, options);
  }

  patch(target: Target, patch: Json, contentType: string, options: WriteOptions): ApiObject {
    const current = this.get(target);
    const result = this.#patched(target.type, current, patch, contentType);
    if (!isApiObject(result)) throw badRequest("the patch leaves no object");
    return this.#replace(target, current, result, options);
  }

  /** The object with its deletionTimestamp where finalizers hold it; undefined where it is gone. */
  delete(target: Target, body: Json | undefined, dryRun: boolean): { readonly held: ApiObject | undefined; readonly last: ApiObject } {
    const { type, namespace, name } = target;
    const current = this.get(target);
    const wanted = at(body, "preconditions");
    const { uid, resourceVersion } = current.metadata;
    if (textAt(wanted, "uid") !== undefined && textAt(wanted, "uid") !== uid) {
      throw conflict(type, name, `Precondition failed: UID in precondition: ${textAt(wanted, "uid")}, UID in object meta: ${uid}`);
    }
    if (textAt(wanted, "resourceVersion") !== undefined && textAt(wanted, "resourceVersion") !== resourceVersion)
      throw conflict(type, name);
    if (dryRun) return { held: current, last: current };
    const key = keyOf(namespace, name);
    const finalizers = list(current.metadata.finalizers);
    const namespaceHolds = type.kind === "Namespace" && type.group === "";
    if (finalizers.length === 0 && !namespaceHolds) return { held: undefined, last: this.#remove(type, key) ?? current };
    if (current.metadata.deletionTimestamp !== undefined) return { held: current, last: current };
    const metadata = {
      ...current.metadata,
      deletionTimestamp: now(),
      deletionGracePeriodSeconds: 0,
      ...(current.metadata.generation === undefined ? {} : { generation: current.metadata.generation + 1 }),
    };
    const held = this.store.put(storeKey(type), key, {
      ...current,
      metadata,
      ...(namespaceHolds ? { status: { phase: "Terminating" } } : {}),
    });
    if (namespaceHolds) this.#emptyNamespace(name);
    return { held, last: held };
  }

  #accept(type: ResourceType, namespace: string, body: Json): ApiObject {
    const filled = isObject(body) ? { kind: type.kind, apiVersion: groupVersion(type), metadata: {}, ...body } : body;
    if (!isApiObject(filled)) throw badRequest("the body is no object with metadata");
    if (filled.kind !== type.kind || filled.apiVersion !== groupVersion(type)) {
      throw badRequest(`${type.kind} in version ${JSON.stringify(type.version)} expected, not ${filled.apiVersion} ${filled.kind}`);
    }
    const own = filled.metadata.namespace ?? namespace;
    if (type.namespaced && own !== namespace)
      throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
    return filled;
  }

  /** Without what the schema does not know, and with its defaults. */
  #prepare(type: ResourceType, object: JsonObject, { fieldValidation, warn }: Pick<WriteOptions, "fieldValidation" | "warn">): JsonObject {
    if (!type.schema) return object;
    const unknown: string[] = [];
    const pruned = prune(object, type.schema, unknown);
    if (unknown.length > 0 && fieldValidation === "Strict") {
      const fields = unknown.map((path) => `unknown field ${JSON.stringify(path)}`).join(", ");
      throw badRequest(
        `${type.kind} in version ${JSON.stringify(type.version)} cannot be handled as a ${type.kind}: strict decoding error: ${fields}`,
      );
    }
    if (fieldValidation === "Warn") for (const path of unknown) warn(`unknown field ${JSON.stringify(path)}`);
    const filled = fillDefaults(pruned, type.schema);
    return isObject(filled) ? filled : object;
  }

  #complete(type: ResourceType, object: JsonObject, name: string): ApiObject {
    let complete = object;
    if (type.kind === "Secret") complete = { ...secretData(object), type: textAt(object, "type") || "Opaque" };
    if (type.kind === "Namespace") {
      const labels = isObject(at(object, "metadata", "labels")) ? at(object, "metadata", "labels") : {};
      const metadata = object["metadata"];
      complete = {
        ...object,
        metadata: {
          ...(isObject(metadata) ? metadata : {}),
          labels: { ...(isObject(labels) ? labels : {}), "kubernetes.io/metadata.name": name },
        },
        spec: { finalizers: ["kubernetes"] },
        status: object["status"] ?? { phase: "Active" },
      };
    }
    if (type.kind === "CustomResourceDefinition") complete = { ...object, status: definitionStatus(object) };
    const metadata = complete["metadata"];
    // ObjectMeta leaves out what is empty.
    const shown = Object.entries(isObject(metadata) ? metadata : {}).filter(([, value]) => !EMPTY.has(JSON.stringify(value)));
    const tidied = { ...complete, metadata: Object.fromEntries(shown) };
    if (!isApiObject(tidied)) throw badRequest("no object");
    return tidied;
  }

  #verify(type: ResourceType, object: ApiObject, old: ApiObject | undefined, name: string): void {
    if (!type.schema) return;
    const errors = validate(object, old, type.schema);
    if (errors.length > 0) throw invalid(type, name, errors);
  }

  #verifyNamespace(namespace: string): void {
    const namespaces = BUILT_IN.find(({ kind }) => kind === "Namespace");
    const found = this.store.get("/namespaces", namespace);
    if (!found && namespaces) throw notFound(namespaces, namespace);
    if (found?.metadata.deletionTimestamp !== undefined) {
      throw new StatusError(403, "Forbidden", `unable to create new content in namespace ${namespace} because it is being terminated`);
    }
  }

  #patched(type: ResourceType, current: ApiObject, patch: Json, contentType: string): Json {
    switch (contentType) {
      case "application/json-patch+json":
        return jsonPatch(current, patch);
      case "application/merge-patch+json":
        return mergePatch(current, patch);
      case "application/strategic-merge-patch+json":
        if (!type.custom) return strategicPatch(current, patch);
        break;
    }
    const supported = [
      "application/json-patch+json",
      "application/merge-patch+json",
      ...(type.custom ? [] : ["application/strategic-merge-patch+json"]),
    ];
    throw new StatusError(
      415,
      "UnsupportedMediaType",
      `the body of the request was in an unknown format - accepted media types include: ${supported.join(", ")} (the sandbox does no server-side apply)`,
    );
  }

  #replace({ type, namespace, name, subresource }: Target, current: ApiObject, given: ApiObject, options: WriteOptions): ApiObject {
    const { uid, resourceVersion } = given.metadata;
    if (uid !== undefined && uid !== current.metadata.uid) {
      throw conflict(type, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${current.metadata.uid}`);
    }
    if (resourceVersion !== undefined && resourceVersion !== "" && resourceVersion !== current.metadata.resourceVersion)
      throw conflict(type, name);
    const kept = Object.fromEntries(SERVER_METADATA.map((field) => [field, current.metadata[field]]));
    const metadata = {
      ...compact({ ...given.metadata, ...kept, name, namespace: current.metadata.namespace, managedFields: undefined }),
      resourceVersion: current.metadata.resourceVersion ?? "",
    };
    const onlyStatus = subresource === "status";
    const merged = onlyStatus
      ? { ...current, status: given["status"] }
      : { ...given, metadata, ...(type.status && type.custom ? { status: current["status"] } : {}) };
    const object = this.#complete(type, this.#prepare(type, compact(merged), options), name);
    if (current.metadata.deletionTimestamp !== undefined) {
      const before = textsOf(current.metadata.finalizers);
      const added = textsOf(object.metadata.finalizers).filter((finalizer) => !before.includes(finalizer));
      if (added.length > 0) {
        const why = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((text) => JSON.stringify(text)).join(", ")}}`;
        throw invalid(type, name, [fieldError("FieldValueForbidden", "metadata.finalizers", why)]);
      }
    }
    this.#verify(type, object, current, name);
    if (equal(tidy(object), tidy(current))) return current;
    const wished = !onlyStatus && !equal(wish(object), wish(current));
    const generation = current.metadata.generation;
    const counted =
      wished && generation !== undefined ? { ...object, metadata: { ...object.metadata, generation: generation + 1 } } : object;
    if (options.dryRun) return counted;
    const key = keyOf(namespace, name);
    if (counted.metadata.deletionTimestamp !== undefined && list(counted.metadata.finalizers).length === 0 && type.kind !== "Namespace") {
      this.store.put(storeKey(type), key, counted);
      return this.#remove(type, key) ?? counted;
    }
    return this.#stored(type, key, counted);
  }

  #stored(type: ResourceType, key: string, object: ApiObject): ApiObject {
    const stored = this.store.put(storeKey(type), key, object);
    if (type.kind === "CustomResourceDefinition") this.#registerDefinitions();
    return this.#served(type, stored);
  }

  #remove(type: ResourceType, key: string): ApiObject | undefined {
    // All objects of a kind go with its definition.
    const definition = type.kind === "CustomResourceDefinition" ? this.store.get(storeKey(type), key) : undefined;
    const [kind] = definition ? fromDefinition(definition) : [];
    for (const { metadata } of kind ? this.store.list(storeKey(kind)) : []) {
      if (kind) this.store.remove(storeKey(kind), keyOf(metadata.namespace ?? "", metadata.name ?? ""));
    }
    const last = this.store.remove(storeKey(type), key);
    if (type.kind === "CustomResourceDefinition") this.#registerDefinitions();
    const namespace = last?.metadata.deletionTimestamp === undefined ? undefined : last.metadata.namespace;
    if (namespace !== undefined) this.#endNamespace(namespace);
    return last && this.#served(type, last);
  }

  #registerDefinitions(): void {
    this.#custom = this.store.list("apiextensions.k8s.io/customresourcedefinitions").flatMap(fromDefinition);
  }

  /** Defaults of a schema that came later show at once. */
  #served(type: ResourceType, object: ApiObject): ApiObject {
    return object.apiVersion === groupVersion(type) ? object : { ...object, apiVersion: groupVersion(type), kind: type.kind };
  }

  /** What the namespace controller does: everything inside is deleted, and the namespace when the last finalizer is gone. */
  #emptyNamespace(namespace: string): void {
    for (const type of this.types.filter(({ namespaced }) => namespaced)) {
      for (const { metadata } of this.store.list(storeKey(type), namespace)) {
        this.delete({ type, namespace, name: metadata.name ?? "", subresource: "" }, undefined, false);
      }
    }
    this.#endNamespace(namespace);
  }

  #endNamespace(namespace: string): void {
    const found = this.store.get("/namespaces", namespace);
    if (found?.metadata.deletionTimestamp === undefined || list(found.metadata.finalizers).length > 0) return;
    const left = this.types.some((type) => type.namespaced && this.store.list(storeKey(type), namespace).length > 0);
    if (!left) this.store.remove("/namespaces", namespace);
  }
}

/** What a change of generation means: everything but metadata and status. */
function wish(object: ApiObject): JsonObject {
  return { ...object, metadata: {}, status: null };
}

/** JSON has no undefined: an absent field and an undefined one are the same. */
function tidy(value: Json): Json {
  if (isArray(value)) return value.map(tidy);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, item]): [string, Json][] => (item === undefined ? [] : [[name, tidy(item)]])),
  );
}

function secretData(object: JsonObject): JsonObject {
  const [plain, data] = [object["stringData"], object["data"]];
  const encoded = Object.entries(isObject(plain) ? plain : {}).map(([name, value]) => [
    name,
    Buffer.from(String(value)).toString("base64"),
  ]);
  return compact({ ...object, stringData: undefined, data: { ...(isObject(data) ? data : {}), ...Object.fromEntries(encoded) } });
}

function definitionStatus(definition: JsonObject): JsonObject {
  const condition = (type: string, reason: string): JsonObject => ({
    type,
    status: "True",
    reason,
    message: "",
    lastTransitionTime: now(),
  });
  const before = definition["status"];
  return isObject(before) && before["conditions"] !== undefined
    ? before
    : {
        acceptedNames: at(definition, "spec", "names") ?? {},
        conditions: [condition("NamesAccepted", "NoConflicts"), condition("Established", "InitialNamesAccepted")],
        storedVersions: list(at(definition, "spec", "versions")).flatMap((version) => textAt(version, "name") ?? []),
      };
}

function now(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}

export function successOf({ type, name }: Target, uid: string | undefined): JsonObject {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details: { name, ...(type.group === "" ? {} : { group: type.group }), kind: type.plural, uid: uid ?? "" },
  };
}

export function forbidden(user: string, verb: string, { type, namespace, name, subresource }: Target): StatusError {
  const resource = subresource === "" ? type.plural : `${type.plural}/${subresource}`;
  const where = type.namespaced && namespace !== "" ? `in the namespace "${namespace}"` : "at the cluster scope";
  const which = name === "" ? qualified(type) : `${qualified(type)} "${name}"`;
  return new StatusError(
    403,
    "Forbidden",
    `${which} is forbidden: User "${user}" cannot ${verb} resource "${resource}" in API group "${type.group}" ${where}`,
    { name, ...(type.group === "" ? {} : { group: type.group }), kind: type.plural },
  );
}
