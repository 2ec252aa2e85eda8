/** The program: arguments, signals, exit codes. */
import { getCompileCacheDir } from "node:module";
import { parseArgs } from "node:util";

const USAGE = `usage: serverfarm-operator run --config FILE [--kubeconfig FILE]
       serverfarm-operator compile

  --config FILE      the OperatorConfiguration (YAML)
  --kubeconfig FILE  how to reach the cluster; without it, the pod's service account, else the user's own kubeconfig

compile writes the compiled program into the folder that NODE_COMPILE_CACHE names. A run of the same user, with the same Node, reads it from there: it
starts sooner and needs less memory.
`;

function usage(problem: string): never {
  process.stderr.write(`${problem}\n\n${USAGE}`);
  process.exit(2);
}

async function main(): Promise<number> {
  // The LDAP library prints whole messages under this variable, and Node reads it before any of this runs: it can only be refused.
  if (/\*|ldapts/i.test(process.env["NODE_DEBUG"] ?? "")) {
    process.stderr.write("NODE_DEBUG would print what is sent to the directory: unset it.\n");
    return 2;
  }
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse();
  } catch (error) {
    usage(error instanceof Error ? error.message : String(error));
  }
  const { values, positionals } = parsed;
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  const [command, ...rest] = positionals;
  if (command === "compile" && rest.length === 0) {
    if (values.config !== undefined || values.kubeconfig !== undefined) usage("compile takes no options");
    return await compile();
  }
  if (command !== "run" || rest.length > 0)
    usage(command === undefined ? "a command is missing" : `there is no command ${[command, ...rest].join(" ")}`);
  if (values.config === undefined) usage("--config is missing");

  const stopping = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    process.on(name, () => {
      stopping.abort();
    });
  }
  const [{ run }, { UsageError }] = await load();
  try {
    return await run({ configFile: values.config, kubeconfig: values.kubeconfig, environment: process.env, signal: stopping.signal });
  } catch (error) {
    const isUsage = error instanceof UsageError;
    // A mistake of the program is told with the place where it was.
    process.stderr.write(`${isUsage ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
    return isUsage ? 2 : 1;
  }
}

/** Late, so that a mistake in the arguments is answered at once. */
function load() {
  return Promise.all([import("./commands/run.ts"), import("./commands/inputs.ts")]);
}

/** Node itself writes what it compiles, when the program ends. The operator runs without it, too, so that nothing waits for a folder that is full. */
async function compile(): Promise<number> {
  if (!process.env["NODE_COMPILE_CACHE"]) usage("NODE_COMPILE_CACHE is not set: name the folder for the compiled program");
  if (getCompileCacheDir() === undefined)
    process.stderr.write("cannot write to the folder that NODE_COMPILE_CACHE names: choose one that this user can write to.\n");
  await load();
  return 0;
}

function parse() {
  return parseArgs({
    allowPositionals: true,
    options: { config: { type: "string" }, kubeconfig: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
}

// At once: a connection that a server never answers would keep the program for as long as it may take.
process.exit(await main());
