/**
 * Generates the TypeScript types of the resources from the schemas of the CRDs in this folder.
 *
 * `node crds/generate-types.ts` writes them; with `--check` it writes nothing and exits 1 when a file is stale.
 *
 * A general schema compiler would make every defaulted field optional. The API server fills defaults before anybody reads an
 * object, so here a field with a default is as present as a required one, and everything is readonly.
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { parse } from "yaml";
import { z } from "zod";

interface Schema {
  readonly type: string;
  readonly description?: string | undefined;
  readonly properties?: Readonly<Record<string, Schema>> | undefined;
  readonly items?: Schema | undefined;
  readonly additionalProperties?: Schema | undefined;
  readonly required?: readonly string[] | undefined;
  readonly enum?: readonly string[] | undefined;
  readonly default?: unknown;
}

const schema: z.ZodType<Schema> = z.lazy(() =>
  z.object({
    type: z.string(),
    description: z.string().optional(),
    properties: z.record(z.string(), schema).optional(),
    items: schema.optional(),
    additionalProperties: schema.optional(),
    required: z.array(z.string()).optional(),
    enum: z.array(z.string()).optional(),
    default: z.unknown().optional(),
  }),
);

const definition = z.object({
  spec: z.object({
    group: z.string(),
    names: z.object({ kind: z.string(), plural: z.string() }),
    versions: z.array(z.object({ name: z.string(), schema: z.object({ openAPIV3Schema: schema }) })).length(1),
  }),
});

function typeOf(node: Schema, indent: string): string {
  if (node.enum) return node.enum.map((value) => JSON.stringify(value)).join(" | ");
  switch (node.type) {
    case "string":
      return "string";
    case "boolean":
      return "boolean";
    case "integer":
      return "number";
    case "array": {
      if (!node.items) throw new Error("an array without items");
      const item = typeOf(node.items, indent);
      return `readonly ${node.items.enum ? `(${item})` : item}[]`;
    }
    case "object":
      if (node.additionalProperties) return `Readonly<Record<string, ${typeOf(node.additionalProperties, indent)}>>`;
      return `{\n${fieldsOf(node, `${indent}  `)}${indent}}`;
    default:
      throw new Error(`type ${node.type} is not known to this generator`);
  }
}

function fieldsOf(node: Schema, indent: string): string {
  return Object.entries(node.properties ?? {})
    .map(([name, field]) => {
      const present = field.default !== undefined || (node.required ?? []).includes(name);
      const comment = field.description === undefined ? "" : `${indent}/** ${field.description} */\n`;
      return `${comment}${indent}readonly ${name}${present ? "" : "?"}: ${typeOf(field, indent)};\n`;
    })
    .join("");
}

/** The name of the file, as that of the kind, and its text. */
async function generate(crd: string): Promise<readonly [file: string, text: string]> {
  const { spec } = definition.parse(parse(await readFile(new URL(crd, import.meta.url), "utf8")));
  const [version] = spec.versions;
  if (!version) throw new Error(`${crd} has no version`);
  const { kind, plural } = spec.names;
  const root = version.schema.openAPIV3Schema;
  const [desired, observed] = [root.properties?.["spec"], root.properties?.["status"]];
  if (!desired || !observed) throw new Error(`${crd} has no spec or no status`);
  const words = kind.split(/(?<=[a-z])(?=[A-Z])/);
  const constant = words.join("_").toUpperCase();
  const text = `// GENERATED from crds/${crd} by crds/generate-types.ts (npm run generate). Do not edit.
import type { KubernetesObject, ResourceKind } from "../object.ts";

export const ${constant}: ResourceKind = {
  apiVersion: "${spec.group}/${version.name}",
  kind: "${kind}",
  plural: "${plural}",
};

/** ${root.description ?? kind} */
export interface ${kind} extends KubernetesObject {
  readonly spec: ${kind}Spec;
  readonly status?: ${kind}Status;
}

export interface ${kind}Spec ${typeOf(desired, "")}

export interface ${kind}Status ${typeOf(observed, "")}
`;
  return [`${words.join("-").toLowerCase()}.ts`, text];
}

const check = process.argv.includes("--check");
for (const crd of (await readdir(new URL(".", import.meta.url))).filter((name) => name.endsWith(".yaml"))) {
  const [file, text] = await generate(crd);
  const target = new URL(`../src/api/generated/${file}`, import.meta.url);
  const current = await readFile(target, "utf8").catch(() => "");
  if (current === text) continue;
  if (check) {
    process.stderr.write(`src/api/generated/${file} is stale: run npm run generate\n`);
    process.exitCode = 1;
  } else {
    await writeFile(target, text);
  }
}
