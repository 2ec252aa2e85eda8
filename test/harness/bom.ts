/** A bill of materials in CycloneDX's form, and how it compares with what is there. */
import { readdir, readFile } from "node:fs/promises";
import { z } from "zod";

interface Component {
  readonly group?: string | undefined;
  readonly name: string;
  readonly version: string;
  readonly licenses?:
    | readonly { readonly license?: { readonly id?: string | undefined } | undefined; readonly expression?: string | undefined }[]
    | undefined;
  readonly components?: readonly Component[] | undefined;
}
const component: z.ZodType<Component> = z.lazy(() =>
  z.object({
    group: z.string().optional(),
    name: z.string(),
    version: z.string(),
    licenses: z
      .array(z.object({ license: z.object({ id: z.string().optional() }).optional(), expression: z.string().optional() }))
      .optional(),
    components: z.array(component).optional(),
  }),
);
const bom = z.object({ components: z.array(component) });
const manifest = z.object({ name: z.string(), version: z.string() });

const COMPATIBLE = ["Apache-2.0", "MIT", "ISC", "0BSD", "BSD-2-Clause", "BSD-3-Clause", "Unlicense", "Python-2.0", "PSF-2.0"];

function flatten(components: readonly Component[]): readonly Component[] {
  return components.flatMap((part) => [part, ...flatten(part.components ?? [])]);
}

/** All its parts. */
export async function bomOf(file: string): Promise<readonly Component[]> {
  return flatten(bom.parse(JSON.parse(await readFile(file, "utf8"))).components);
}

/** The packages of a folder that the parts do not name. */
export async function unlike(parts: readonly Component[], modules: string): Promise<readonly string[]> {
  const named = new Set(parts.map(({ group, name, version }) => `${group === undefined ? "" : `${group}/`}${name}@${version}`));
  const paths = (await readdir(modules, { recursive: true })).filter((path) =>
    /(^|node_modules\/)(@[^/]+\/)?[^@/]+\/package\.json$/.test(path),
  );
  if (paths.length <= 50) throw new Error(`${modules} has only ${paths.length} packages`);
  const there = await Promise.all(paths.map(async (path) => manifest.parse(JSON.parse(await readFile(`${modules}/${path}`, "utf8")))));
  return there.map(({ name, version }) => `${name}@${version}`).filter((one) => !named.has(one));
}

/** The parts without a licence that goes with Apache-2.0. */
export function foreignLicences(parts: readonly Component[]): readonly string[] {
  const fits = ({ license, expression }: NonNullable<Component["licenses"]>[number]): boolean =>
    COMPATIBLE.includes(license?.id ?? expression ?? "");
  return parts
    .filter(({ licenses = [] }) => licenses.length === 0 || !licenses.every(fits))
    .map(({ name, licenses }) => `${name}: ${JSON.stringify(licenses)}`);
}
