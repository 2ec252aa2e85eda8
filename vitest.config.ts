import { defineConfig } from "vitest/config";

const real = ["test/contract/**/*.test.ts", "test/e2e/**/*.test.ts"];

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/**/*.test.ts"], exclude: real, testTimeout: 20_000 } },
      {
        test: {
          name: "real",
          include: real,
          globalSetup: ["test/harness/real.setup.ts"],
          // One domain and one cluster for all: files take turns.
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
