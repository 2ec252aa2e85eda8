/** Bodies that kubectl sends as protobuf ("kubectl create …"): the messages of Kubernetes' own API that it makes, read into JSON. */
import { isObject, type Json, type JsonObject } from "./json.ts";
import { StatusError } from "./status.ts";

type Field =
  | { readonly name: string; readonly type: "string" | "bytes" | "integer" | "boolean"; readonly repeated?: boolean }
  | { readonly name: string; readonly type: "stringMap" | "bytesMap" }
  | { readonly name: string; readonly type: Fields; readonly repeated?: boolean };
type Fields = Readonly<Record<number, Field>>;

const text = (name: string, repeated = false): Field => ({ name, type: "string", repeated });

/** Field numbers as in the generated.proto of each group (k8s.io/api, k8s.io/apimachinery). Times are left out: the server sets them. */
const METADATA: Field = {
  name: "metadata",
  type: {
    1: text("name"),
    2: text("generateName"),
    3: text("namespace"),
    5: text("uid"),
    6: text("resourceVersion"),
    11: { name: "labels", type: "stringMap" },
    12: { name: "annotations", type: "stringMap" },
    14: text("finalizers", true),
  },
};
const RULE: Fields = {
  1: text("verbs", true),
  2: text("apiGroups", true),
  3: text("resources", true),
  4: text("resourceNames", true),
  5: text("nonResourceURLs", true),
};
const SUBJECT: Fields = { 1: text("kind"), 2: text("apiGroup"), 3: text("name"), 4: text("namespace") };
const ROLE_REF: Field = { name: "roleRef", type: { 1: text("apiGroup"), 2: text("kind"), 3: text("name") } };
const ROLE: Fields = { 1: METADATA, 2: { name: "rules", type: RULE, repeated: true } };
const BINDING: Fields = { 1: METADATA, 2: { name: "subjects", type: SUBJECT, repeated: true }, 3: ROLE_REF };

const MESSAGES: Readonly<Record<string, Fields>> = {
  Namespace: { 1: METADATA },
  Secret: {
    1: METADATA,
    2: { name: "data", type: "bytesMap" },
    3: text("type"),
    4: { name: "stringData", type: "stringMap" },
    5: { name: "immutable", type: "boolean" },
  },
  ConfigMap: {
    1: METADATA,
    2: { name: "data", type: "stringMap" },
    3: { name: "binaryData", type: "bytesMap" },
    4: { name: "immutable", type: "boolean" },
  },
  ServiceAccount: { 1: METADATA },
  Role: ROLE,
  ClusterRole: ROLE,
  RoleBinding: BINDING,
  ClusterRoleBinding: BINDING,
  TokenRequest: {
    1: METADATA,
    2: { name: "spec", type: { 1: text("audiences", true), 4: { name: "expirationSeconds", type: "integer" } } },
  },
  SelfSubjectAccessReview: {
    2: {
      name: "spec",
      type: {
        1: {
          name: "resourceAttributes",
          type: {
            1: text("namespace"),
            2: text("verb"),
            3: text("group"),
            4: text("version"),
            5: text("resource"),
            6: text("subresource"),
            7: text("name"),
          },
        },
        2: { name: "nonResourceAttributes", type: { 1: text("path"), 2: text("verb") } },
      },
    },
  },
  SelfSubjectReview: { 1: METADATA },
  DeleteOptions: {
    2: { name: "preconditions", type: { 1: text("uid"), 2: text("resourceVersion") } },
    4: text("propagationPolicy"),
    5: text("dryRun", true),
  },
};

const MAGIC = Buffer.from("k8s\0");
const ENVELOPE: Fields = { 1: { name: "typeMeta", type: { 1: text("apiVersion"), 2: text("kind") } }, 2: { name: "raw", type: "bytes" } };

/** Throws StatusError for what is no such message. */
export function decodeProtobuf(bytes: Buffer): JsonObject {
  if (!bytes.subarray(0, 4).equals(MAGIC)) throw new StatusError(400, "BadRequest", "the body is no Kubernetes protobuf message");
  const envelope = decode(bytes.subarray(4), ENVELOPE);
  const { typeMeta, raw } = envelope;
  const meta = isObject(typeMeta) ? typeMeta : {};
  const fields = MESSAGES[String(meta["kind"])];
  if (!fields) throw new StatusError(415, "UnsupportedMediaType", `the sandbox reads no ${String(meta["kind"])} in protobuf: send JSON`);
  return { ...meta, ...decode(Buffer.from(String(raw ?? ""), "base64"), fields) };
}

function decode(bytes: Buffer, fields: Fields): JsonObject {
  const result: Record<string, Json> = {};
  let position = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[position++];
      if (byte === undefined) throw new StatusError(400, "BadRequest", "a protobuf message that ends too early");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (position < bytes.length) {
    const tag = Number(varint());
    const field = fields[tag >> 3];
    let value: Json | undefined;
    if ((tag & 7) === 0) {
      const number = varint();
      value = field?.type === "boolean" ? number !== 0n : Number(number);
    } else if ((tag & 7) === 2) {
      const length = Number(varint());
      const content = bytes.subarray(position, position + length);
      position += length;
      if (field) value = read(field, content, result[field.name]);
    } else throw new StatusError(400, "BadRequest", "a protobuf field of a kind that Kubernetes does not use");
    if (!field || value === undefined) continue;
    const held = result[field.name];
    result[field.name] = "repeated" in field && field.repeated ? [...(Array.isArray(held) ? held : []), value] : value;
  }
  return result;
}

function read({ type }: Field, content: Buffer, held: Json | undefined): Json {
  switch (type) {
    case "string":
      return content.toString("utf8");
    case "bytes":
      return content.toString("base64");
    case "integer":
    case "boolean":
      return null;
    case "stringMap":
    case "bytesMap": {
      const entry = decode(content, { 1: text("key"), 2: { name: "value", type: type === "stringMap" ? "string" : "bytes" } });
      return { ...(isObject(held) ? held : {}), [String(entry["key"])]: entry["value"] ?? "" };
    }
    default:
      return decode(content, type);
  }
}
