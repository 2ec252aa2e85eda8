import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

/** The floors of the house. Imports only go down; rooms of one floor do not import each other. */
const FLOORS: Readonly<Record<string, number>> = {
  base: 0,
  farm: 1,
  reconciler: 2,
  kubernetes: 3,
  directory: 3,
  telemetry: 3,
  controller: 4,
  "config.ts": 5,
  commands: 6,
  "main.ts": 6,
};

/** Libraries that only one room may use. */
const OWNERS: Readonly<Record<string, string>> = {
  ldapts: "directory",
  "@kubernetes/client-node": "kubernetes",
  undici: "kubernetes",
  "prom-client": "telemetry",
};

const root = fileURLToPath(new URL("../src", import.meta.url));
const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));

interface Import {
  readonly from: string;
  readonly to: string;
}

const imports: readonly Import[] = files.flatMap((from) =>
  [...readFileSync(join(root, from), "utf8").matchAll(/(?:from|import\()\s*"([^"]+)"/g)].map(([, target = ""]) => ({
    from,
    to: target.startsWith(".") ? normalize(join(dirname(from), target)) : target,
  })),
);
const own = imports.filter(({ to }) => files.includes(to));
const roomOf = (file: string): string => file.split("/")[0] ?? file;

test("there is a house to look at", () => {
  expect(files.length).toBeGreaterThan(30);
  expect(own.length).toBeGreaterThan(80);
  expect(files.filter((file) => !(roomOf(file) in FLOORS))).toEqual([]);
});

test("imports only go down, and rooms of one floor do not import each other", () => {
  const floor = (file: string): number => FLOORS[roomOf(file)] ?? Number.NaN;
  // The program is one room of two: main and its commands.
  const allowed = ({ from, to }: Import): boolean =>
    roomOf(from) === roomOf(to) || floor(to) < floor(from) || (from === "main.ts" && roomOf(to) === "commands");
  expect(own.filter((edge) => !allowed(edge))).toEqual([]);
});

test("no file imports itself by a detour", () => {
  const graph = Map.groupBy(own, ({ from }) => from);
  const state = new Map<string, "open" | "done">();
  const cycles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (state.get(file) === "open") cycles.push([...path, file].join(" → "));
    if (state.has(file)) return;
    state.set(file, "open");
    for (const { to } of graph.get(file) ?? []) visit(to, [...path, file]);
    state.set(file, "done");
  };
  for (const file of files) visit(file, []);
  expect(cycles).toEqual([]);
});

test("each outside system is reached from one room", () => {
  const strangers = imports.filter(({ from, to }) => to in OWNERS && roomOf(from) !== OWNERS[to]);
  expect(strangers).toEqual([]);
});

test("the middle of the house is pure: no I/O, no clock, no chance", () => {
  const impure = files
    .filter((file) => ["farm", "reconciler"].includes(roomOf(file)))
    .filter((file) =>
      /from "node:|Date\.now|new Date\(\)|Math\.random|process\.|setTimeout|fetch\(/.test(readFileSync(join(root, file), "utf8")),
    );
  expect(impure).toEqual([]);
});
