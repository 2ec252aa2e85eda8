/** Processes that tests start: run to their end, or kept by a pid file so that whoever comes later can stop them. */
import { execFile, spawn } from "node:child_process";
import { openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const execute = promisify(execFile);

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** Standard output. Rejects with what the command said. */
export async function run(command: string, args: readonly string[], { env, input }: RunOptions = {}): Promise<string> {
  const running = execute(command, [...args], { env: { ...process.env, ...env }, maxBuffer: 64 << 20 });
  // A command that does not read what it is given may be gone already.
  running.child.stdin?.on("error", () => undefined);
  running.child.stdin?.end(input ?? "");
  try {
    return (await running).stdout;
  } catch (error) {
    const said = error instanceof Error && "stderr" in error ? String(error.stderr) : "";
    throw new Error(`${command} ${args.slice(0, 3).join(" ")} …: ${said || String(error)}`, { cause: error });
  }
}

/** Undefined where the programs are there; else which one is not, and how to get it. */
export async function programMissing(...programs: readonly (readonly [name: string, version: string])[]): Promise<string | undefined> {
  for (const [name, version] of programs) {
    try {
      await run(name, [version]);
    } catch {
      return `${name} is not installed: npm run setup:real (Debian, root)`;
    }
  }
  return undefined;
}

/** Starts a process group of its own; its pid stands in DIR/NAME.pid and what it prints in DIR/NAME.log. */
export function startDaemon(
  dir: string,
  name: string,
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): void {
  const log = openSync(`${dir}/${name}.log`, "a");
  const child = spawn(command, [...args], { detached: true, stdio: ["ignore", log, log], env: { ...process.env, ...env } });
  child.unref();
  writeFileSync(`${dir}/${name}.pid`, String(child.pid));
}

/** Whether the process of DIR/NAME.pid is there. */
export function runs(dir: string, name: string): boolean {
  try {
    process.kill(Number(readFileSync(`${dir}/${name}.pid`, "utf8")), 0);
    return true;
  } catch {
    return false;
  }
}

/** To the process group of DIR/NAME.pid. */
export function signalDaemon(dir: string, name: string, signal: NodeJS.Signals): void {
  process.kill(-Number(readFileSync(`${dir}/${name}.pid`, "utf8")), signal);
}

/** Stops the process group of DIR/NAME.pid, if there is one, and waits until it is gone. */
export async function stopDaemon(dir: string, name: string, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  let pid: number;
  try {
    pid = Number(readFileSync(`${dir}/${name}.pid`, "utf8"));
  } catch {
    return;
  }
  rmSync(`${dir}/${name}.pid`);
  const alive = (number: NodeJS.Signals | 0): boolean => {
    try {
      process.kill(-pid, number);
      return true;
    } catch {
      return false;
    }
  };
  alive(signal);
  for (let i = 0; i < 100 && alive(0); i++) await sleep(50);
  alive("SIGKILL");
  for (let i = 0; i < 100 && alive(0); i++) await sleep(50);
}

/** Waits until `read` gives a value that `until` accepts; says the last one when it does not come. Errors of `read` count as "not yet". */
export async function waitFor<T>(
  what: string,
  read: () => Promise<T> | T,
  until: (value: T) => boolean = Boolean,
  seconds = 30,
): Promise<T> {
  const end = performance.now() + seconds * 1000;
  let last: unknown;
  do {
    try {
      const value = await read();
      if (until(value)) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    await sleep(100);
  } while (performance.now() < end);
  throw new Error(
    `${what}: not within ${seconds} s; last seen: ${last instanceof Error ? last.message : JSON.stringify(last, (key, value: unknown) => (key === "managedFields" ? undefined : value), 1)}`,
  );
}

/** Checks again and again, and at least once, until the work is done. */
export async function checkWhile(work: Promise<unknown>, check: () => Promise<void>): Promise<void> {
  const done = work.then(() => true);
  do await check();
  while (!(await Promise.race([done, Promise.resolve(false)])));
}
