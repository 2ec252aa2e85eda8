/**
 * The part of the client library that knows kubeconfigs and credentials. The clients that it has for every kind of the API are not used here and
 * would cost 35 MB of memory and most of the program's start, so they are left out while it is loaded.
 */
import { registerHooks } from "node:module";

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
