import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const start = (file: string, ...args: readonly string[]) =>
  promisify(execFile)(process.execPath, [fileURLToPath(new URL(file, import.meta.url)), ...args]);

test.each(["bench.ts", "large.ts", "search.ts", "tenants.ts", "soak.ts"])("%s says how it is used", async (file) => {
  const { stdout, stderr } = await start(file, "--help");
  expect(stdout).toMatch(/^`npm run [a-z:]+`: [^]*\nOptions: --/);
  expect([stdout.includes("import "), stderr]).toEqual([false, ""]);
});

test("a mistake in the options is told with them, and no stack", async () => {
  const stderr = expect.stringMatching(/^Unknown option '--farm'[^]*\nOptions: --on /);
  await expect(start("bench.ts", "--farm", "1")).rejects.toMatchObject({ code: 2, stderr });
  await expect(start("bench.ts", "--farm", "1")).rejects.toMatchObject({ stderr: expect.not.stringMatching(/^ +at /m) });
});
