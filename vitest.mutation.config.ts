import { defineConfig } from "vitest/config";

/** What has to notice each mutant (stryker.config.json): the unit tests of the pure rooms and of the codecs, without servers. */
export default defineConfig({
  test: {
    include: ["test/{names,ad,api,farm,domain,reconciler,directory}/**/*.test.ts"],
    exclude: ["test/directory/feed.test.ts", "test/farm/large.test.ts"],
    // They go through thousands of mutants: fewer of the random farms are enough to meet one that matters.
    env: { FUZZ_RUNS: "25" },
    testTimeout: 20_000,
  },
});
