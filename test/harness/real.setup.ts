/** Starts the real servers once for a run of the tests, and says at the end which ran and which did not. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import type { TestProject } from "vitest/node";
import { Kube, kubeMissing } from "./kube.ts";
import { Samba, sambaMissing } from "./samba.ts";

export type Backend = "samba" | "kube" | "sandbox";

declare module "vitest" {
  interface ProvidedContext {
    backends: { readonly directory: string; readonly cluster: string };
    /** The folders of the real servers that run; null where those that were asked for cannot run. */
    servers: { readonly samba: string; readonly kube: string } | null;
  }
}

export default async function setup({ provide, config }: TestProject): Promise<() => Promise<void>> {
  const { directory, cluster } = config.provide.backends ?? { directory: "samba", cluster: "kube" };
  const [wantsSamba, wantsKube] = [directory === "samba", cluster === "kube"];
  const missing = [wantsSamba ? await sambaMissing() : undefined, wantsKube ? kubeMissing() : undefined].filter(
    (text) => text !== undefined,
  );
  if (missing.length > 0) {
    const text = `The tests on real servers did not run: ${missing.join("; ")}.`;
    if (process.env["REQUIRE_REAL"] === "1") throw new Error(text);
    provide("servers", null);
    return () => {
      process.stdout.write(`\nThe tests ran on the sandbox. ${text}\n`);
      return Promise.resolve();
    };
  }
  const dir = await mkdtemp(`${tmpdir()}/serverfarm-real-`);
  const samba = wantsSamba ? new Samba(`${dir}/samba`) : undefined;
  const kube = wantsKube ? new Kube(`${dir}/kube`) : undefined;
  const stop = async (): Promise<void> => {
    await Promise.all([samba?.down(), kube?.down()]);
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await Promise.all([samba?.up(), kube?.up()]);
  } catch (error) {
    await stop();
    throw error;
  }
  provide("servers", { samba: `${dir}/samba`, kube: `${dir}/kube` });
  return async () => {
    await stop();
    const names = [
      wantsSamba ? "a real Active Directory (Samba)" : "the sandbox's directory",
      wantsKube ? "a real Kubernetes control plane" : "the sandbox's API server",
    ];
    process.stdout.write(`\nThe project "real" ran on ${names.join(" and ")}.\n`);
  };
}
