import { defineConfig } from "vitest/config";

/** Suites that run against servers: the same text whichever these are. */
const suites = ["test/contract/**/*.test.ts", "test/e2e/**/*.test.ts", "test/faults/**/*.test.ts"];
/** What is deployed, on programs and servers of its own: the longest of all, so first (vitest takes projects by their names). */
const deploy = ["test/deploy/**/*.test.ts"];
/**
 * Files side by side: each has servers of its own, and most of them wait most of the time. The same in every project, whatever the machine: vitest
 * runs none where those of one group differ.
 */
const MAX_WORKERS = 6;
/** What test/run.sh runs on real servers of its own, where no test needs more of a network than itself: each about a third, and at last what measures seconds. */
const PARTS: Readonly<Record<string, readonly string[]>> = {
  faults: [
    "test/contract/**/*.test.ts",
    "test/faults/!(pods*|host-*).test.ts",
    "test/e2e/{connection,deletion-budget,failover,kill,leadership,outage}.test.ts",
  ],
  pods: [
    "test/faults/pods.test.ts",
    "test/e2e/{brake,consent,host-*,identity,kubectl-*,monitoring,permissions,pods*,recreate,walk}.test.ts",
  ],
  alone: ["test/e2e/flood.test.ts"],
};
const part = process.env["REAL_PART"] ?? "";
/** Which ones the project "real" takes, as DIRECTORY+CLUSTER: samba+kube, samba+sandbox or sandbox+kube. */
const [directory = "samba", cluster = "kube"] = (process.env["SERVERS"] ?? "samba+kube").split("+");

export default defineConfig({
  test: {
    projects: [
      { test: { name: "deploy", include: deploy, testTimeout: 60_000, hookTimeout: 120_000, maxWorkers: MAX_WORKERS } },
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: [...suites, ...deploy],
          testTimeout: 60_000,
          maxWorkers: MAX_WORKERS,
        },
      },
      {
        test: {
          name: "sandbox",
          include: suites,
          provide: { backends: { directory: "sandbox", cluster: "sandbox" } },
          maxWorkers: MAX_WORKERS,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "real",
          include: [...(PARTS[part] ?? suites)],
          exclude: part === "rest" ? Object.values(PARTS).flat() : [],
          globalSetup: ["test/harness/real.setup.ts"],
          provide: { backends: { directory, cluster } },
          // One domain and one cluster for all: files take turns, after the others, which need the processors too.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
