import { defineConfig } from "vitest/config";

/** Suites that run against servers: the same text whichever these are. */
const suites = ["test/contract/**/*.test.ts", "test/e2e/**/*.test.ts", "test/faults/**/*.test.ts"];
/** Which ones the project "real" takes, as DIRECTORY+CLUSTER: samba+kube, samba+sandbox or sandbox+kube. */
const [directory = "samba", cluster = "kube"] = (process.env["SERVERS"] ?? "samba+kube").split("+");

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/**/*.test.ts"], exclude: suites, testTimeout: 20_000 } },
      {
        test: {
          name: "sandbox",
          include: suites,
          provide: { backends: { directory: "sandbox", cluster: "sandbox" } },
          // Every file has servers of its own, and most of them wait most of the time.
          maxWorkers: 6,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "real",
          include: suites,
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
