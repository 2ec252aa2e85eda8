import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Tests of single functions first: what they notice, the tests of whole reconciles need not run for. */
class NarrowFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isWide = ({ moduleId }: TestSpecification): number => Number(moduleId.includes("/test/reconciler/"));
    return Promise.resolve(files.toSorted((one: TestSpecification, other: TestSpecification) => isWide(one) - isWide(other)));
  }
}

/** What has to notice each mutant (stryker.config.json): the unit tests of the pure rooms and of the codecs, without servers. */
export default defineConfig({
  test: {
    // One room's own tests are much faster than all, and notice no more: MUTATION_TESTS='test/names/**/*.test.ts'.
    include: [process.env["MUTATION_TESTS"] ?? "test/{names,ad,api,farm,domain,reconciler,directory}/**/*.test.ts"],
    // What is left out needs a server, or measures time: a busy machine would count as a mutant noticed.
    exclude: ["test/directory/feed.test.ts", "test/farm/large.test.ts"],
    // They go through thousands of mutants: fewer of the random farms are enough to meet one that matters.
    env: { FUZZ_RUNS: "25" },
    sequence: { sequencer: NarrowFirst },
    testTimeout: 20_000,
  },
});
