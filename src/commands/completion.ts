/** `kubectl farm completion`: what a shell asks when the user presses Tab. */
import { SERVER_FARM } from "../api/generated/server-farm.ts";
import { printable, type Terminal } from "./terminal.ts";
import { listFarms, openCluster } from "./user-cluster.ts";

export type Shell = "bash" | "zsh" | "fish" | "kubectl";

/** `kubectl` completes plugins by a program kubectl_complete-<plugin> on the path. */
const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `_kubectl_farm() {
  local IFS=$'\\n'
  COMPREPLY=($(kubectl-farm __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | sed -e '/^:/d' -e 's/\\t.*//'))
}
complete -F _kubectl_farm kubectl-farm
`,
  zsh: `#compdef kubectl-farm
_kubectl_farm() {
  local -a found
  found=("\${(@f)$(kubectl-farm __complete "\${(@)words[2,CURRENT]}" 2>/dev/null | sed -e '/^:/d' -e 's/\\t.*//')}")
  compadd -a found
}
compdef _kubectl_farm kubectl-farm
`,
  fish: `complete -c kubectl-farm -f -a '(kubectl-farm __complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null | string match -v ":*")'
`,
  kubectl: `#!/bin/sh
# Save it as kubectl_complete-farm on your PATH and make it executable.
exec kubectl-farm __complete "$@"
`,
};

export function showCompletion(shell: Shell, { out }: Pick<Terminal, "out">): number {
  out.write(SCRIPTS[shell]);
  return 0;
}

export interface Completed {
  readonly name: string;
  readonly description: string;
  readonly options: readonly string[];
  readonly argument: "farm" | "host" | "none";
}

/** Candidates, one a line, and `:4`, which tells kubectl that no files are meant. `words`: all after the program's name, the last one being typed. */
export async function complete(words: readonly string[], commands: readonly Completed[], { out }: Pick<Terminal, "out">): Promise<number> {
  const typed = words.at(-1) ?? "";
  const candidates = (await candidatesFor(words, commands)).filter((text) => text.startsWith(typed));
  out.write(`${[...candidates, ":4"].join("\n")}\n`);
  return 0;
}

async function candidatesFor(words: readonly string[], commands: readonly Completed[]): Promise<readonly string[]> {
  const command = commands.find(({ name }) => name === words[0]);
  if (words.length <= 1 || !command) return commands.map(({ name, description }) => `${name}\t${description}`);
  if (words.at(-1)?.startsWith("-") === true) return command.options;
  if (command.argument === "none") return [];
  const given = (...names: readonly string[]): string | undefined => words.find((_, index) => names.includes(words[index - 1] ?? ""));
  const [namespace, kubeconfig, context] = [given("-n", "--namespace"), given("--kubeconfig"), given("--context")];
  const allNamespaces = words.includes("-A") || words.includes("--all-namespaces");
  try {
    const farms = await listFarms(
      openCluster({
        ...(namespace === undefined || allNamespaces ? {} : { namespace }),
        ...(kubeconfig === undefined ? {} : { kubeconfig }),
        ...(context === undefined ? {} : { context }),
        allNamespaces,
      }),
    );
    if (command.argument === "host") return [...new Set(farms.flatMap(({ spec }) => printable(spec.hosts.computers)))];
    return farms.map(({ metadata, spec }) => `${metadata.name}\t${SERVER_FARM.kind} in ${spec.domainRef.name}`);
  } catch {
    // A shell shows nothing of it, and a cluster that is away completes nothing.
    return [];
  }
}
