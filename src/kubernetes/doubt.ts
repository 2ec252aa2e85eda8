/** When an open watch is not to be trusted any more, though nothing has come to say so. */
import type { KubernetesClient } from "./client.ts";

/** In milliseconds. */
export interface DoubtTimes {
  /** A watch that is younger than this is not doubted yet for the loss of another connection: losses may follow each other for long. */
  readonly young: number;
}

export interface Doubt {
  /** Aborts when the watch has to be looked at. */
  readonly signal: AbortSignal;
  end(): void;
}

/** Another connection was lost: this one may be as well, without a word. From now on, until it is ended. */
export function doubtOf(client: KubernetesClient, { young }: DoubtTimes): Doubt {
  const doubt = new AbortController();
  const opened = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const unsubscribe = client.onLost(() => {
    clearTimeout(timer);
    timer = setTimeout(() => doubt.abort(), Math.max(0, opened + young - performance.now()));
  });
  return {
    signal: doubt.signal,
    end: () => {
      clearTimeout(timer);
      unsubscribe();
    },
  };
}
