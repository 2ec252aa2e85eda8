import { expect, test } from "vitest";
import { collectPages } from "../../src/directory/pages.ts";

const MOST_FOUND = 20_000;

async function* pagesOf(...pages: readonly (readonly number[])[]): AsyncGenerator<readonly number[]> {
  for (const page of pages) yield await Promise.resolve(page);
}

/** What is collected, and what was asked for: pages of a size, or one answer. */
async function collected(
  bySize: (size: number) => AsyncIterable<readonly number[]>,
  inOneAnswer: readonly number[] | Error,
): Promise<readonly [readonly number[], readonly (number | "one answer")[]]> {
  const asked: (number | "one answer")[] = [];
  const found = await collectPages(
    (size) => {
      asked.push(size);
      return bySize(size);
    },
    () => {
      asked.push("one answer");
      return inOneAnswer instanceof Error ? Promise.reject(inOneAnswer) : Promise.resolve(inOneAnswer);
    },
    { most: MOST_FOUND, what: "searching" },
  );
  return [found, asked];
}

test("pages of which the last has something are all that there is", async () => {
  expect(await collected(() => pagesOf([1, 2], [3]), [])).toEqual([[1, 2, 3], [500]]);
});

test("an empty page at the end may hide more: it is asked again in pages of another size", async () => {
  const pages = (size: number): AsyncIterable<readonly number[]> => (size === 500 ? pagesOf([1, 2], []) : pagesOf([1], [2, 3]));
  expect(await collected(pages, [])).toEqual([
    [1, 2, 3],
    [500, 333],
  ]);
});

test("nothing at all is believed once a server says so in one answer", async () => {
  expect(await collected(() => pagesOf([]), [])).toEqual([[], [500, "one answer"]]);
  expect(await collected(() => pagesOf([]), [1, 2])).toEqual([
    [1, 2],
    [500, "one answer"],
  ]);
});

test("where it stays in doubt an answer that was cut short is an error", async () => {
  await expect(collected(() => pagesOf([1], []), new Error("cut short"))).rejects.toThrow("cut short");
});

test("a page that fails in the middle fails the whole", async () => {
  async function* failing(): AsyncGenerator<readonly number[]> {
    yield await Promise.resolve([1]);
    throw new Error("lost");
  }
  await expect(collected(failing, [])).rejects.toThrow("lost");
});

test("very many are not read to the end", async () => {
  const page = Array.from({ length: MOST_FOUND / 2 + 1 }, (_, index) => index);
  async function* endless(): AsyncGenerator<readonly number[]> {
    for (;;) yield await Promise.resolve(page);
  }
  await expect(collected(endless, [])).rejects.toThrow(
    "searching: more than 20000 objects match, and so many are not read. Search by this filter yourself, and correct or delete",
  );
});
