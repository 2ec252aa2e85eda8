import { describe, expect, test } from "vitest";
import { brokenOff } from "../../src/ad/error.ts";
import { abortable } from "../../src/base/turns.ts";

describe("what may be broken off", () => {
  test("settles as its work does", async () => {
    const { signal } = new AbortController();
    expect(await abortable(signal, brokenOff, () => Promise.resolve(1))).toBe(1);
    await expect(abortable(signal, brokenOff, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  });

  test("is left at once, and what it waited for is not begun later", async () => {
    const control = new AbortController();
    const turn = Promise.withResolvers<void>();
    let begun = false;
    const left = abortable(control.signal, brokenOff, async (stay) => {
      await turn.promise;
      stay(() => (begun = true));
    });
    control.abort();
    await expect(left).rejects.toMatchObject({ kind: "Aborted" });
    turn.resolve();
    await new Promise(setImmediate);
    expect(begun).toBe(false);
  });

  test("is awaited to its end once it has begun what must not be left alone", async () => {
    const control = new AbortController();
    const answer = Promise.withResolvers<string>();
    const written = abortable(control.signal, brokenOff, (stay) => stay(() => answer.promise));
    control.abort();
    answer.resolve("done");
    expect(await written).toBe("done");
  });

  test("is not begun where it is too late", async () => {
    let begun = false;
    const work = (): Promise<void> => {
      begun = true;
      return Promise.resolve();
    };
    await expect(abortable(AbortSignal.abort(), brokenOff, work)).rejects.toMatchObject({ kind: "Aborted" });
    expect(begun).toBe(false);
  });
});
