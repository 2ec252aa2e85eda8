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

const file = process.argv[2] ?? fileURLToPath(new URL("../dist/kubectl-farm", import.meta.url));
await build({
  entryPoints: [fileURLToPath(new URL("../src/kubectl-farm.ts", import.meta.url))],
  outfile: file,
  bundle: true,
  platform: "node",
  target: "node24",
  format: "esm",
  // Libraries that are CommonJS ask for Node's modules by require. The file has no extension, so that kubectl finds it: Node sees by its imports what it is.
  banner: { js: 'import { createRequire } from "node:module";\nconst require = createRequire(import.meta.url);' },
  plugins: [withoutClients],
});
await chmod(file, 0o755);
