/** Whether the bearer of a token may read a path that is no resource, as the API server says: TokenReview, then SubjectAccessReview. */
import { createHash } from "node:crypto";
import { z } from "zod";
import { KubernetesError } from "./api-error.ts";
import type { KubernetesClient } from "./client.ts";

export type Verdict = "Allowed" | "Unauthenticated" | "Forbidden";

/** For how long a verdict holds (ms): so long a right that was taken away, or given, is not seen. */
const HOLDS: Readonly<Record<Verdict, number>> = { Allowed: 60_000, Unauthenticated: 10_000, Forbidden: 10_000 };
/** Verdicts that are kept, and questions that are open at once: whoever sends very many tokens fills neither the memory nor the API server's queues. */
const KEPT = 256;
const OPEN = 16;
/** A scrape does not wait longer (ms). */
const TIMEOUT = 5000;

const tokenReview = z.object({
  status: z.object({
    authenticated: z.boolean().default(false),
    user: z
      .object({
        username: z.string().default(""),
        uid: z.string().optional(),
        groups: z.array(z.string()).optional(),
        extra: z.record(z.string(), z.array(z.string())).optional(),
      })
      .default({ username: "" }),
  }),
});
const accessReview = z.object({ status: z.object({ allowed: z.boolean(), denied: z.boolean().default(false) }) });

export class AccessReviews {
  readonly #client: Pick<KubernetesClient, "request">;
  readonly #path: string;
  /** Milliseconds of a clock that only goes forward. */
  readonly #now: () => number;
  /** By the token's hash, the oldest first. */
  readonly #verdicts = new Map<string, { readonly verdict: Verdict; readonly until: number }>();
  readonly #open = new Map<string, Promise<Verdict>>();

  constructor(client: Pick<KubernetesClient, "request">, path: string, now = () => performance.now()) {
    this.#client = client;
    this.#path = path;
    this.#now = now;
  }

  /** Whether who has this token may read the path. Rejects with KubernetesError where the API server does not say. */
  async judge(token: string): Promise<Verdict> {
    const key = createHash("sha256").update(token).digest("base64");
    const known = this.#verdicts.get(key);
    if (known && known.until > this.#now()) return known.verdict;
    const open = this.#open.get(key);
    if (open) return await open;
    if (this.#open.size >= OPEN) throw new KubernetesError("TooManyRequests", `${OPEN} tokens are being reviewed already`);
    const asked = this.#ask(token).finally(() => this.#open.delete(key));
    this.#open.set(key, asked);
    const verdict = await asked;
    this.#verdicts.delete(key);
    this.#verdicts.set(key, { verdict, until: this.#now() + HOLDS[verdict] });
    for (const oldest of this.#verdicts.keys()) {
      if (this.#verdicts.size <= KEPT) break;
      this.#verdicts.delete(oldest);
    }
    return verdict;
  }

  async #ask(token: string): Promise<Verdict> {
    const { authenticated, user } = (await this.#review("authentication.k8s.io", "TokenReview", { token }, tokenReview)).status;
    if (!authenticated || user.username === "") return "Unauthenticated";
    const { username, ...rest } = user;
    const spec = { user: username, ...rest, nonResourceAttributes: { path: this.#path, verb: "get" } };
    const { allowed, denied } = (await this.#review("authorization.k8s.io", "SubjectAccessReview", spec, accessReview)).status;
    return allowed && !denied ? "Allowed" : "Forbidden";
  }

  async #review<T>(group: string, kind: string, spec: object, schema: z.ZodType<T>): Promise<T> {
    const path = `/apis/${group}/v1/${kind.toLowerCase()}s`;
    const body = { apiVersion: `${group}/v1`, kind, spec };
    const answer = schema.safeParse(await this.#client.request("POST", path, { body, timeout: TIMEOUT }));
    if (answer.success) return answer.data;
    throw new KubernetesError("Rejected", `POST ${path}: the answer is no ${kind}`);
  }
}
