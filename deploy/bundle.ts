/** Puts `kubectl farm` into one file that runs on any Node 24: node deploy/bundle.ts [FILE] */
import { chmod } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";

/** As src/kubernetes/kube-config.ts leaves them out while it loads the library: the clients for every kind of the API. */
const withoutClients: Plugin = {
  name: "without-clients",
  setup(at) {
    at.onResolve({ filter: /^\.\/gen\/index\.js$/ }, ({ importer }) =>
      importer.endsWith("/client-node/dist/config.js") ? { path: "clients", namespace: "without" } : undefined,
    );
    at.onLoad({ filter: /^clients$/, namespace: "without" }, () => ({
      contents: "export const createConfiguration = undefined, ServerConfiguration = undefined;",
    }));
  },
};

/** Writes the file; the paths of what is in it, relative to the root of the repository. */
export async function bundle(file: string): Promise<readonly string[]> {
  const { metafile } = await build({
    absWorkingDir: fileURLToPath(new URL("..", import.meta.url)),
    entryPoints: ["src/kubectl-farm.ts"],
    outfile: file,
    bundle: true,
    metafile: true,
    platform: "node",
    target: "node24",
    format: "esm",
    // Libraries that are CommonJS ask for Node's modules by require. The file has no extension, so that kubectl finds it: Node sees by its imports what it is.
    banner: { js: 'import { createRequire } from "node:module";\nconst require = createRequire(import.meta.url);' },
    plugins: [withoutClients],
  });
  await chmod(file, 0o755);
  return Object.keys(metafile.inputs);
}

if (import.meta.main) await bundle(process.argv[2] ?? fileURLToPath(new URL("../dist/kubectl-farm", import.meta.url)));
