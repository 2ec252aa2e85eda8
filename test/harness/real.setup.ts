/** Starts the real servers once for a run of the tests, and says at the end which ran and which did not. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";
import { Kube, kubeMissing } from "./kube.ts";
import { Samba, sambaMissing } from "./samba.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The folders of the servers; null where they do not run. */
    servers: { readonly samba: string; readonly kube: string } | null;
  }
}

export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const missing = [await sambaMissing(), kubeMissing()].filter((text) => text !== undefined);
  if (missing.length > 0) {
    const text = `The tests on real servers did not run: ${missing.join("; ")}.`;
    if (process.env["REQUIRE_REAL"] === "1") throw new Error(text);
    provide("servers", null);
    return () => {
      process.stdout.write(`\n${text}\n`);
      return Promise.resolve();
    };
  }
  const dir = await mkdtemp(`${tmpdir()}/serverfarm-real-`);
  const samba = new Samba(`${dir}/samba`);
  const kube = new Kube(`${dir}/kube`);
  const stop = async (): Promise<void> => {
    await Promise.all([samba.down(), kube.down()]);
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await Promise.all([samba.up(), kube.up()]);
    const root = fileURLToPath(new URL("../..", import.meta.url));
    const crds = (await readdir(`${root}/crds`)).filter((name) => name.endsWith(".yaml"));
    await kube.kubectl("apply", ...crds.flatMap((name) => ["-f", `${root}/crds/${name}`]), "-f", `${root}/deploy/rbac.yaml`);
    await kube.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=20s");
  } catch (error) {
    await stop();
    throw error;
  }
  provide("servers", { samba: samba.dir, kube: kube.dir });
  return async () => {
    await stop();
    process.stdout.write("\nThe tests ran on a real Active Directory (Samba) and a real Kubernetes control plane.\n");
  };
}
