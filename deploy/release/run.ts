/** Programs that a release is made with. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const execute = promisify(execFile);

export interface RunOptions {
  readonly cwd?: string;
}

/** Standard output. Rejects with what the program said. */
export async function run(command: string, args: readonly string[], { cwd }: RunOptions = {}): Promise<string> {
  try {
    return (await execute(command, [...args], { cwd, env: { ...process.env, LC_ALL: "C" }, maxBuffer: 64 << 20 })).stdout;
  } catch (error) {
    const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
    throw new Error(`${command} ${args.slice(0, 2).join(" ")}: ${said || String(error)}`, { cause: error });
  }
}
