/**
 * The part of the client library that knows kubeconfigs and credentials. The clients that it has for every kind of the API are not used here and
 * would cost 35 MB of memory and most of the program's start, so they are left out while it is loaded.
 */
import { existsSync, readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { delimiter, dirname, resolve } from "node:path";
import { parse } from "yaml";
import { z } from "zod";

const CLIENTS = "./gen/index.js";
/** What config.js names of them: only to make such a client, which nobody here asks for. */
const NONE = "data:text/javascript,export const createConfiguration = undefined, ServerConfiguration = undefined;";

const hooks = registerHooks({
  resolve: (specifier, context, next) =>
    specifier === CLIENTS && context.parentURL?.endsWith("/client-node/dist/config.js") === true
      ? { url: NONE, format: "module", shortCircuit: true }
      : next(specifier, context),
});
const { KubeConfig } = await import("@kubernetes/client-node/dist/config.js");
hooks.deregister();

/** A value and a type, as a class is both. */
type KubeConfig = InstanceType<typeof KubeConfig>;
export { KubeConfig };

/**
 * The file that the token of the current user stands in, which is read again and again: that of the pod, or `tokenFile` of a kubeconfig, which the
 * library knows under another name only, and goes before `token`.
 */
export function tokenFileOf(config: KubeConfig, kubeconfig: string | undefined): string | undefined {
  const user = config.getCurrentUser();
  if (!user) return undefined;
  const { KUBECONFIG, HOME = "" } = process.env;
  const files = kubeconfig !== undefined ? [kubeconfig] : KUBECONFIG ? KUBECONFIG.split(delimiter) : [`${HOME}/.kube/config`];
  for (const file of files.filter((name) => existsSync(name))) {
    const { users } = kubeconfigSchema.parse(parse(readFileSync(file, "utf8")));
    const found = users?.find(({ name }) => name === user.name);
    // The first file that names the user decides.
    if (found) return found.user?.tokenFile && resolve(dirname(file), found.user.tokenFile);
  }
  return inPodSchema.safeParse(user.authProvider).data?.config.tokenFile;
}

const kubeconfigSchema = z.object({
  users: z.array(z.object({ name: z.string(), user: z.object({ tokenFile: z.string().optional() }).nullish() })).nullish(),
});
const inPodSchema = z.object({ config: z.object({ tokenFile: z.string() }) });
