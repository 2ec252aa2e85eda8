/** The command line as people run it: the program itself, as a process of its own. */
import { execFile } from "node:child_process";
import { ROOT } from "./root.ts";

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export const PROGRAM = `${ROOT}src/kubectl-farm.ts`;

export interface ExecuteOptions {
  readonly environment?: NodeJS.ProcessEnv;
  readonly input?: string;
}

/** Never a terminal. */
export function execute(command: string, args: readonly string[], { environment, input }: ExecuteOptions = {}): Promise<Ended> {
  const env = { ...process.env, NO_COLOR: "1", ...environment };
  return new Promise((resolve) => {
    const child = execFile(command, args, { env, maxBuffer: 1 << 28 }, (error, out, err) => {
      resolve({ code: error ? Number(error.code ?? 99) : 0, out, err });
    });
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}
