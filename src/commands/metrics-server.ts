/** The metrics: in the clear, over TLS, or over TLS for those whom the API server lets read them. */
import type { OperatorConfiguration } from "../config.ts";
import { AccessReviews } from "../kubernetes/access-review.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { CertificateFiles } from "../telemetry/certificate.ts";
import type { Answer, Guard } from "../telemetry/http-server.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { listen, UsageError } from "./inputs.ts";

const PATH = "/metrics";

interface Parts {
  readonly client: KubernetesClient;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** Rejects with UsageError. */
export async function openMetrics(
  { address, tls, authentication }: OperatorConfiguration["metrics"],
  { client, metrics, log }: Parts,
): ReturnType<typeof listen> {
  const onProblem = (error: string): void => {
    log.warn("the renewed certificate of the metrics cannot be used; the one before stays", { error });
  };
  const certificate =
    tls &&
    (await CertificateFiles.load(tls, onProblem).catch((error: unknown) => {
      throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
    }));
  const routes = { [PATH]: () => ({ status: 200, type: metrics.registry.contentType, body: metrics.expose() }) };
  const guard = authentication === "Kubernetes" ? guardOf(new AccessReviews(client, PATH), log) : undefined;
  return await listen(address, routes, { certificate, guard });
}

function guardOf(reviews: Pick<AccessReviews, "judge">, log: Log): Guard {
  /** Said once, however often it is asked meanwhile. */
  let isSaid = false;
  return async (authorization) => {
    const token = /^Bearer +([^ ]+) *$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) return UNAUTHENTICATED;
    try {
      const verdict = await reviews.judge(token);
      isSaid = false;
      if (verdict === "Allowed") return undefined;
      return verdict === "Forbidden" ? FORBIDDEN : UNAUTHENTICATED;
    } catch (error) {
      if (!isSaid) log.warn("nobody may read the metrics: the API server does not say who may", { error: String(error) });
      isSaid = true;
      return UNDECIDED;
    }
  };
}

function refusal(status: number, text: string, headers: Answer["headers"] = {}): Answer {
  return { status, type: "text/plain", body: `${text}\n`, headers };
}

const UNAUTHENTICATED = refusal(401, "send a bearer token that the API server knows", { "www-authenticate": "Bearer" });
const FORBIDDEN = refusal(403, `who has this token may not get ${PATH}: bind a ClusterRole with this nonResourceURL`);
const UNDECIDED = refusal(500, "the API server does not say who may read this");
