/** How a reconcile that is broken off leaves what it waits for. */
import { DirectoryError } from "./error.ts";

/**
 * Settles as `work` does. Once `signal` aborts it rejects with DirectoryError Aborted at once, whatever `work` waits for, unless `work` does what
 * must not be left alone: `stay` begins that, or throws where it is too late to begin.
 */
export async function abortable<T>(signal: AbortSignal, work: (stay: <R>(act: () => R) => R) => Promise<T>): Promise<T> {
  throwIfAborted(signal);
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const leave = (): void => {
    reject(aborted());
  };
  const stay = <R>(act: () => R): R => {
    throwIfAborted(signal);
    signal.removeEventListener("abort", leave);
    return act();
  };
  signal.addEventListener("abort", leave, { once: true });
  try {
    work(stay).then(resolve, reject);
    return await promise;
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw aborted();
}

function aborted(): DirectoryError {
  return new DirectoryError("Aborted", "the reconcile was broken off: the operator stops, or something more urgent is to be done");
}
