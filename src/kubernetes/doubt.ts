/** When an open watch is not to be trusted any more, though nothing has come to say so. */
import type { KubernetesClient } from "./client.ts";

/** In milliseconds. */
export interface DoubtTimes {
  /** So often it is asked whether the database is still the one that is watched. */
  readonly check: number;
  /** A watch that is younger than this is not doubted yet for the loss of another connection: losses may follow each other for long. */
  readonly young: number;
}

export interface Doubt {
  /** Aborts when the watch has to be looked at. */
  readonly signal: AbortSignal;
  end(): void;
}

/** After some minutes; or because another connection was lost, as this one may be, without a word. From now on, until it is ended. */
export function doubtOf(client: KubernetesClient, { check, young }: DoubtTimes): Doubt {
  const doubt = new AbortController();
  const opened = performance.now();
  const abort = (): void => {
    doubt.abort();
  };
  let timer = setTimeout(abort, check);
  const unsubscribe = client.onLost(() => {
    clearTimeout(timer);
    timer = setTimeout(abort, Math.max(0, opened + young - performance.now()));
  });
  return {
    signal: doubt.signal,
    end: () => {
      clearTimeout(timer);
      unsubscribe();
    },
  };
}
