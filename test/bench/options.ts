/** What a benchmark is told. How it is used stands at the head of its file. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs, type ParseArgsOptionsConfig } from "node:util";

/** Ends the program after `--help`, and where the arguments are none of these. */
export function optionsOf<const T extends ParseArgsOptionsConfig>(url: string, options: T) {
  const [head = ""] = readFileSync(fileURLToPath(url), "utf8").split(" */\n");
  const usage = head.replaceAll(/^(\/\*\*| \* ?)\n?/gm, "");
  if (process.argv.includes("--help")) {
    process.stdout.write(usage);
    process.exit(0);
  }
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exit(2);
  }
}
