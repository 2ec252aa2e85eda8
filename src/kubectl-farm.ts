#!/usr/bin/env node
/**
 * The plugin `kubectl farm`: arguments and exit codes. 0: all is well. 1: it is not, as the output says. 2: the command could not be carried out; of
 * `plan`, for a check of a pull request, 2: there are changes, and 1 for all else.
 */
import { Command, CommanderError, type CommandUnknownOpts, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import type { Completed } from "./commands/completion.ts";
import type { Terminal } from "./commands/terminal.ts";

const terminal: Terminal = { out: process.stdout, err: process.stderr, in: process.stdin };
let exitCode = 0;
let failureCode = 2;

function seconds(text: string): number {
  const value = /^\d+(\.\d+)?s?$/.test(text) ? Number(text.replace(/s$/, "")) : NaN;
  if (!Number.isFinite(value)) throw new InvalidArgumentError("Give a number of seconds, such as 60.");
  return value;
}

function command(name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option("-n, --namespace <name>", "the namespace; default, that of the kubeconfig's context")
    .option("--kubeconfig <file>", "the kubeconfig; default, $KUBECONFIG or ~/.kube/config")
    .option("--context <name>", "a context of the kubeconfig");
}

/** For an option that may be given several times. */
function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

/** A command that may ask the directory, too. */
function directoryCommand(name: string, description: string): Command {
  return command(name, description)
    .option(
      "--server <server>",
      "a domain controller: a name, or a URL such as ldaps://dc1.contoso.com; default, those of the ActiveDirectoryDomain",
      collect,
      [],
    )
    .option("--dns-server <address>", "who is asked for domain controllers and their addresses; default, the system's DNS", collect, [])
    .option("--username <name>", "your own account in the directory, such as jane@contoso.com")
    .option("--password-file <file>", "a file with its password, or - for standard input; default, the terminal asks")
    .option("--ca-file <file>", "the authority of the servers' certificates; default, those that the system trusts")
    .option("--cluster-id <uid>", "the UID of the namespace kube-system, where you may not read it");
}

const program = new Command("kubectl-farm")
  .description("Look at ServerFarms and act on them, with your own rights in the cluster.")
  .exitOverride()
  .enablePositionalOptions()
  .configureHelp({ showGlobalOptions: true })
  .hook("preSubcommand", (_program, subcommand) => {
    if (subcommand.name() === "plan") failureCode = 1;
  });

command("status", "Show one farm on a page, or all of them in a table. The exit code is 0 only if all that is shown is Ready.")
  .argument("[name]", "the farm")
  .option("-A, --all-namespaces", "farms of all namespaces")
  .addOption(new Option("-o, --output <format>", "print JSON").choices(["json"]))
  .action(async (name: string | undefined, options) => {
    const { showStatus } = await import("./commands/farm-status.ts");
    exitCode = await showStatus(name, options, terminal);
  });

command("tree", "Show what a farm is made of: account, groups, hosts, credential spec, and the Pods that use it.")
  .argument("<name>", "the farm")
  .action(async (name: string, options) => {
    const { showTree } = await import("./commands/farm-tree.ts");
    exitCode = await showTree(name, options, terminal);
  });

command("events", "Show the Events of a farm, the oldest first.")
  .argument("<name>", "the farm")
  .action(async (name: string, options) => {
    const { showEvents } = await import("./commands/farm-events.ts");
    exitCode = await showEvents(name, options, terminal);
  });

command("reconcile", "Ask the operator to look at a farm now, and wait for what it says.")
  .argument("<name>", "the farm")
  .option("--timeout <seconds>", "how long to wait; 0 does not wait", seconds, 60)
  .action(async (name: string, options) => {
    const { requestReconcile } = await import("./commands/farm-change.ts");
    exitCode = await requestReconcile(name, options, terminal);
  });

for (const [name, suspend, description] of [
  ["suspend", true, "Stop all work on a farm, quarantines and deletion included, until you resume it."],
  ["resume", false, "Resume a farm that is suspended."],
] as const) {
  command(name, description)
    .argument("<name>", "the farm")
    .action(async (farm: string, options) => {
      const { setSuspended } = await import("./commands/farm-change.ts");
      exitCode = await setSuspended(farm, suspend, options, terminal);
    });
}

directoryCommand(
  "check",
  "Tell whether the cluster and, with --domain, a domain and its controllers are ready. Also before anything is installed.",
)
  .option("--domain <name>", "check this domain from here: its DNS name, or the name of its ActiveDirectoryDomain")
  .option("--container <dn>", "where farms are to live: one container, or one for accounts and one for groups", collect, [])
  .option("--server-name <pattern>", "find the controllers in DNS: their names, such as dc*.contoso.com", collect, [])
  .option("--site <name>", "the site whose controllers go first in DNS")
  .option("--no-rights", "the account is not the operator's: do not check what it may do")
  .addOption(new Option("-o, --output <format>", "print JSON").choices(["json"]))
  .action(async (options) => {
    const { showCheck } = await import("./commands/check.ts");
    exitCode = await showCheck(options, terminal);
  });

directoryCommand("plan", "Show what the operator would change in the directory. The exit code is 2 if there are changes.")
  .argument("[name]", "a farm of the cluster; without --username, the operator's own last plan")
  .option("-f, --filename <file>", "manifests, applied or not: files, folders, or - for standard input", collect, [])
  .option("--server-side", "the manifests are going to be applied with --server-side")
  .option("--delete", "as if the farms were deleted")
  .addOption(new Option("-o, --output <format>", "print JSON").choices(["json"]))
  .action(async (name: string | undefined, options) => {
    const { showPlan } = await import("./commands/farm-plan.ts");
    exitCode = await showPlan(name, options, terminal);
  });

directoryCommand("import", "Print manifests for accounts that exist, so that farms can adopt them as they are.")
  .argument("[account...]", "accounts: a name, a sAMAccountName or a distinguished name")
  .option("--container <dn>", "every account below this container")
  .option("--domain <name>", "the ActiveDirectoryDomain, where there are several")
  .action(async (accounts: string[], options) => {
    const { importAccounts } = await import("./commands/farm-import.ts");
    exitCode = await importAccounts(accounts, options, terminal);
  });

command("quarantine", "Take the right to the password from a host, in every farm that has it. Shows the farms first.")
  .argument("<host>", "the host, as a farm has it: WEB01, web01.contoso.com or a distinguished name")
  .option("-A, --all-namespaces", "in the farms of all namespaces")
  .option("--domain <name>", "only farms of this ActiveDirectoryDomain")
  .option("--release", "give the right back")
  .option("--dry-run", "show the farms, and change nothing")
  .option("-y, --yes", "do not ask")
  .option("--timeout <seconds>", "how long to wait for the operator to act", seconds, 60)
  .action(async (host: string, options) => {
    const { quarantine } = await import("./commands/farm-quarantine.ts");
    exitCode = await quarantine(host, options, terminal);
  });

program
  .command("completion")
  .description("Print what makes a shell complete the commands and the names of farms.")
  .argument("<shell>", "bash, zsh or fish for kubectl-farm; kubectl for kubectl farm", (text) => {
    if (!isShell(text)) throw new InvalidArgumentError("Give bash, zsh, fish or kubectl.");
    return text;
  })
  .action(async (shell: (typeof SHELLS)[number]) => {
    const { showCompletion } = await import("./commands/completion.ts");
    exitCode = showCompletion(shell, terminal);
  });

program
  .command("__complete", { hidden: true })
  .argument("[words...]")
  .allowUnknownOption()
  .helpOption(false)
  .passThroughOptions()
  .action(async (words: string[]) => {
    const { complete } = await import("./commands/completion.ts");
    exitCode = await complete(words, program.commands.filter((one) => one.name() !== "__complete").map(completed), terminal);
  });

const SHELLS = ["bash", "zsh", "fish", "kubectl"] as const;

function isShell(text: string): text is (typeof SHELLS)[number] {
  return SHELLS.some((shell) => shell === text);
}

function completed(one: CommandUnknownOpts): Completed {
  const [argument] = one.registeredArguments.map((given) => given.name());
  return {
    name: one.name(),
    description: one.description(),
    options: one.options.map(({ long, short }) => long ?? short ?? ""),
    argument: argument === "name" ? "farm" : argument === "host" ? "host" : "none",
  };
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Help, or what commander said on stderr already.
    exitCode = error.exitCode === 0 ? 0 : failureCode;
  } else {
    const { printable } = await import("./commands/terminal.ts");
    const lines = (error instanceof Error ? error.message : String(error)).split("\n");
    process.stderr.write(`${lines.map((line) => printable(line)).join("\n")}\n`);
    exitCode = failureCode;
  }
}
process.exitCode = exitCode;
