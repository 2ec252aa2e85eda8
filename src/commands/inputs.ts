/** What the program is given: configuration, kubeconfig, addresses. What is wrong with them is the user's to mend. */
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { parseConfig, type OperatorConfiguration } from "../config.ts";
import { KubernetesClient } from "../kubernetes/client.ts";
import { serve } from "../telemetry/http-server.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** What a user has to mend before the program can run. Exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export async function readConfig(file: string, podNamespace: string | undefined): Promise<OperatorConfiguration> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new UsageError(`cannot read the configuration: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  const result = parseConfig(text, podNamespace);
  if (result.ok) return result.config;
  throw new UsageError(result.problems.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`).join("\n"));
}

export async function readVersion(): Promise<string> {
  const text = await readFile(new URL("../../package.json", import.meta.url), "utf8");
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}

export function loadClient(kubeconfig: string | undefined, metrics: Metrics): KubernetesClient {
  try {
    return KubernetesClient.load({
      kubeconfig,
      observe: metrics.restRequest.bind(metrics),
    });
  } catch (error) {
    throw new UsageError(`cannot use the kubeconfig: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

export async function listen(...args: Parameters<typeof serve>): ReturnType<typeof serve> {
  try {
    return await serve(...args);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
