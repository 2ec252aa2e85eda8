/** The program: arguments, signals, exit codes. */
import { parseArgs } from "node:util";

const USAGE = `usage: serverfarm-operator run --config FILE [--kubeconfig FILE]

  --config FILE      the OperatorConfiguration (YAML)
  --kubeconfig FILE  how to reach the cluster; without it, the pod's service account, else the user's own kubeconfig
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
  if (command !== "run" || rest.length > 0)
    usage(command === undefined ? "a command is missing" : `there is no command ${[command, ...rest].join(" ")}`);
  if (values.config === undefined) usage("--config is missing");

  const stopping = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    process.on(name, () => {
      stopping.abort();
    });
  }
  // Loaded late, so that a mistake in the arguments is answered at once.
  const [{ run }, { UsageError }] = await Promise.all([import("./commands/run.ts"), import("./commands/inputs.ts")]);
  try {
    return await run({ configFile: values.config, kubeconfig: values.kubeconfig, environment: process.env, signal: stopping.signal });
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

function parse() {
  return parseArgs({
    allowPositionals: true,
    options: { config: { type: "string" }, kubeconfig: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
}

// At once: a connection that a server never answers would keep the program for as long as it may take.
process.exit(await main());
