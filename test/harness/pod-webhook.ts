/** The stand-in for the webhook of windows-gmsa as a server of its own that the API server asks about each Pod that is created. */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { createServer, type Server } from "node:https";
import { json } from "node:stream/consumers";
import { z } from "zod";
import { Authority } from "./certificates.ts";
import { ApiFailure, type Cluster, type Manifest } from "./cluster.ts";
import { copiesFor, podOf } from "./pods.ts";
import { waitFor } from "./process.ts";

const NAME = "gmsa-webhook-of-the-tests";
const review = z.object({
  request: z.object({ uid: z.string(), namespace: z.string(), operation: z.literal("CREATE"), object: z.unknown() }),
});

export class PodWebhook {
  readonly #cluster: Cluster;
  readonly #server: Server;

  private constructor(cluster: Cluster, server: Server) {
    this.#cluster = cluster;
    this.#server = server;
  }

  /** Resolves once the API server asks it. Everything about the cluster it asks the API server itself. */
  static async start(cluster: Cluster): Promise<PodWebhook> {
    const authority = await Authority.create(NAME);
    const server = createServer({ ...(await authority.certify(["127.0.0.1"])) }, (request, response) => {
      answer(cluster, request).then(
        (body) => response.setHeader("content-type", "application/json").end(JSON.stringify(body)),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const webhook = new PodWebhook(cluster, server);
    await cluster.apply(configuration(`https://127.0.0.1:${port}/mutate`, authority.cert), serviceAccount("default", "default"));
    await waitFor("the webhook to be asked", async () => (await webhook.#tried()).includes("is not authorized"));
    return webhook;
  }

  async stop(): Promise<void> {
    await this.#cluster.delete("MutatingWebhookConfiguration", NAME);
    // While the API server still asks it, no Pod could be created without it.
    await waitFor("the webhook to be asked no more", async () => (await this.#tried()) === "accepted");
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  /** What becomes of a Pod that names a credential spec that nobody has. */
  async #tried(): Promise<string> {
    return await this.#cluster.dryRun(podManifest("default", "tried", podOf("default", "none")));
  }
}

export function serviceAccount(namespace: string, name: string): Manifest {
  return { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } };
}

function podManifest(namespace: string, name: string, pod: object): Manifest {
  return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace }, ...pod };
}

/** Resolves with the Pod as the API server keeps it, or with why it refuses it. */
export async function createPod(
  cluster: Cluster,
  namespace: string,
  name: string,
  pod: object,
): Promise<{ readonly pod: Manifest } | { readonly refused: string; readonly code: number }> {
  try {
    await cluster.call("POST", cluster.path("Pod", namespace), {
      body: podManifest(namespace, name, pod),
      query: { fieldValidation: "Strict" },
    });
  } catch (error) {
    if (!(error instanceof ApiFailure)) throw error;
    return { refused: error.message, code: error.code };
  }
  return { pod: await cluster.get("Pod", name, namespace) };
}

/** As windows-gmsa registers it: a Pod about which it cannot be asked is refused. */
function configuration(url: string, ca: string): Manifest {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "MutatingWebhookConfiguration",
    metadata: { name: NAME },
    webhooks: [
      {
        name: "admission-webhook.windows-gmsa.sigs.k8s.io",
        clientConfig: { url, caBundle: Buffer.from(ca).toString("base64") },
        rules: [{ operations: ["CREATE"], apiGroups: [""], apiVersions: ["*"], resources: ["pods"] }],
        failurePolicy: "Fail",
        admissionReviewVersions: ["v1"],
        sideEffects: "None",
      },
    ],
  };
}

async function answer(cluster: Cluster, request: IncomingMessage): Promise<object> {
  const { uid, namespace, object } = review.parse(await json(request)).request;
  return {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    response: { uid, ...(await verdict(cluster, namespace, object)) },
  };
}

async function verdict(cluster: Cluster, namespace: string, pod: unknown): Promise<object> {
  const copies = await copiesFor(cluster, namespace, pod);
  if ("refused" in copies) return { allowed: false, status: { code: copies.code, message: copies.refused } };
  if (copies.length === 0) return { allowed: true };
  const patch = copies.map(({ path, contents }) => ({ op: "add", path: `${path}/gmsaCredentialSpec`, value: contents }));
  return { allowed: true, patchType: "JSONPatch", patch: Buffer.from(JSON.stringify(patch)).toString("base64") };
}
