/** What a client of the API server is made with, and what a request is. */

/** Told of every answer; `code` is `<error>` where there was none, and `host` has the port, as client-go has it. */
export type RestObserver = (method: string, code: string, host: string) => void;

export interface RequestOptions {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly contentType?:
    | "application/json"
    | "application/merge-patch+json"
    | "application/json-patch+json"
    // Server-side apply. JSON is YAML.
    | "application/apply-patch+yaml";
  readonly signal?: AbortSignal;
  /** Milliseconds; no longer than what any request may take. */
  readonly timeout?: number;
  /** Of the answer, in bytes: one that is larger is read no further, and rejects with TooLarge. */
  readonly most?: number | undefined;
  /** What the request shares connections with. */
  readonly lane?: Lane;
}

/** The Lease and the watches keep to connections of their own: none of them waits behind, or falls silent with, any other request. */
export type Lane = "Request" | "Lease" | "Watch";

export interface ClientOptions {
  /** A file; without one, the pod's service account, or else the user's own kubeconfig. */
  readonly kubeconfig?: string | undefined;
  /** Of the kubeconfig, in place of its current one. */
  readonly context?: string | undefined;
  /** Who writes: in the API server's log, and as the owner of the fields that are written. */
  readonly agent?: string;
  readonly observe?: RestObserver | undefined;
}
