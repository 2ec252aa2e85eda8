/** How long the operator's event loop stood still: what it did without a pause, whatever else the machine does. */
import { z } from "zod";
import { Probe } from "./probe.ts";

/** Milliseconds. */
const PERIOD = 2;

/**
 * The CPU time of the operator's thread between two ticks of a timer is that of the longest piece that held the timer up, and at most one period; that
 * another process had the processor does not count, so it holds on a machine with much to do.
 */
const hook = (asks: number): string => `
const spent = () => { const { user, system } = process.threadCpuUsage(); return (user + system) / 1000; };
let [longest, last, asks] = [0, spent(), ${asks}];
const timer = setInterval(() => { const now = spent(); longest = Math.max(longest, now - last); last = now; }, ${PERIOD});
timer.unref();
function answer() {
  const told = longest;
  [longest, last] = [0, spent()];
  if (--asks === 0) clearInterval(timer);
  return told;
}`;

export const stretch = (milliseconds: number): string => `${milliseconds.toFixed(0)} ms in one stretch`;

export class EventLoop {
  readonly #probe: Probe<number>;

  private constructor(probe: Probe<number>) {
    this.#probe = probe;
  }

  /** `asks`: measuring ends after so many of them, since by itself it takes 3 % of a core. */
  static async create(asks = Infinity): Promise<EventLoop> {
    return new EventLoop(await Probe.create(hook(asks), z.number()));
  }

  /** The command that starts the operator so that it can be asked. */
  command(kubeconfig: string, nodeOptions: readonly string[] = []): (folder: string) => readonly string[] {
    return this.#probe.command(kubeconfig, nodeOptions);
  }

  /** The longest stretch without a pause since it was last asked, or since the start: milliseconds of CPU time. */
  longestStretch(operator: { readonly pid: number }): Promise<number> {
    return this.#probe.ask(operator);
  }

  remove(): Promise<void> {
    return this.#probe.remove();
  }
}
