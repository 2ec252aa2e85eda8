/** A certificate and its key, in files that somebody else renews. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { createSecureContext } from "node:tls";

/** PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface CertificatePaths {
  readonly certFile: string;
  readonly keyFile: string;
}

/** How often they are read again (ms). */
const EVERY = 10_000;

export class CertificateFiles {
  readonly #paths: CertificatePaths;
  readonly #onProblem: (message: string) => void;
  readonly #every: number;
  #current: Certificate;
  #problem: string | undefined;

  private constructor(paths: CertificatePaths, current: Certificate, onProblem: (message: string) => void, every: number) {
    this.#paths = paths;
    this.#current = current;
    this.#onProblem = onProblem;
    this.#every = every;
  }

  /** Rejects with an Error that names the files. `onProblem` is told, once each, why files that changed cannot be used: the ones before stay then. */
  static async load(paths: CertificatePaths, onProblem: (message: string) => void, every = EVERY): Promise<CertificateFiles> {
    return new CertificateFiles(paths, await read(paths), onProblem, every);
  }

  get current(): Certificate {
    return this.#current;
  }

  /** The listener is given what they become. Returns what ends that. */
  follow(listener: (certificate: Certificate) => void): () => void {
    let ended = false;
    // One look at a time: a slow one could otherwise undo what a later one found.
    const follow = async (): Promise<void> => {
      for (;;) {
        await sleep(this.#every, undefined, { ref: false });
        if (ended) return;
        await this.#look(listener);
      }
    };
    void follow();
    return () => {
      ended = true;
    };
  }

  async #look(listener: (certificate: Certificate) => void): Promise<void> {
    try {
      const found = await read(this.#paths);
      this.#problem = undefined;
      if (found.cert === this.#current.cert && found.key === this.#current.key) return;
      this.#current = found;
      listener(found);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (problem !== this.#problem) this.#onProblem(problem);
      this.#problem = problem;
    }
  }
}

/** Both of them, where they go together: one may have been renewed a moment before the other. */
async function read({ certFile, keyFile }: CertificatePaths): Promise<Certificate> {
  try {
    const [cert, key] = await Promise.all([readFile(certFile, "utf8"), readFile(keyFile, "utf8")]);
    // An empty file, one that is only being written, would do for a context, and for no connection.
    if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) throw new Error("the key is that of another certificate");
    createSecureContext({ cert, key });
    return { cert, key };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`the certificate ${certFile} with the key ${keyFile} cannot be used: ${why}`, { cause: error });
  }
}
