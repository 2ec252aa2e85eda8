import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

/** The rooms of the house, and what each may import besides itself. Imports only go down; rooms of one floor do not import each other. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  base: [],
  names: [],
  api: [],
  ad: ["names"],
  farm: ["api", "names", "ad"],
  policy: ["api", "names"],
  "credential-spec": ["api", "names", "ad"],
  domain: ["api", "ad"],
  reconciler: ["api", "names", "ad", "farm"],
  telemetry: ["base"],
  directory: ["base", "names", "ad"],
  kubernetes: ["base", "api"],
  controller: [
    "base",
    "names",
    "api",
    "ad",
    "farm",
    "policy",
    "credential-spec",
    "domain",
    "reconciler",
    "telemetry",
    "directory",
    "kubernetes",
  ],
  "config.ts": ["base", "telemetry"],
  commands: [
    "base",
    "names",
    "api",
    "ad",
    "farm",
    "policy",
    "credential-spec",
    "domain",
    "reconciler",
    "telemetry",
    "directory",
    "kubernetes",
    "controller",
    "config.ts",
  ],
  "main.ts": ["commands"],
  "kubectl-farm.ts": ["commands"],
};

/** Rooms without I/O, clock or chance. */
const PURE = ["names", "api", "ad", "farm", "policy", "credential-spec", "domain", "reconciler"];

/** Libraries that only one room may use. */
const OWNERS: Readonly<Record<string, string>> = {
  ldapts: "directory",
  "@kubernetes/client-node": "kubernetes",
  undici: "kubernetes",
  "prom-client": "telemetry",
  "@commander-js/extra-typings": "kubectl-farm.ts",
};

/** What tests have beside the rooms that they mirror: suites on servers, what these stand on, and the folders beside src. */
const BESIDE = ["bench", "contract", "crds", "demo", "deploy", "e2e", "faults", "harness", "sandbox"];

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
  expect(files.filter((file) => !(roomOf(file) in ROOMS))).toEqual([]);
  expect(Object.keys(ROOMS).filter((room) => !files.some((file) => roomOf(file) === room))).toEqual([]);
});

test("imports go only where the arrows say", () => {
  const allowed = ({ from, to }: Import): boolean => roomOf(from) === roomOf(to) || ROOMS[roomOf(from)]?.includes(roomOf(to)) === true;
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
    .filter((file) => PURE.includes(roomOf(file)))
    .filter((file) =>
      /from "node:|Date\.now|new Date\(\)|performance\.|Math\.random|process\.|setTimeout|fetch\(/.test(
        readFileSync(join(root, file), "utf8"),
      ),
    );
  expect(impure).toEqual([]);
});

describe("a test of one room", () => {
  const tests = fileURLToPath(new URL(".", import.meta.url));
  const mirrors = readdirSync(tests, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && dirname(name) !== "." && !BESIDE.includes(roomOf(name)))
    .map((name) => ({ name, folder: dirname(name) }));

  test("stands in a folder that is in src too", () => {
    expect(mirrors.length).toBeGreaterThan(10);
    expect(mirrors.filter(({ folder }) => !existsSync(join(root, folder)))).toEqual([]);
  });

  test("tests what is in that folder of src", () => {
    const imported = ({ name, folder }: { readonly name: string; readonly folder: string }): boolean =>
      [...readFileSync(join(tests, name), "utf8").matchAll(/from "([^"]+)"/g)].some(
        ([, target = ""]) => dirname(normalize(join("test", folder, target))) === join("src", folder),
      );
    expect(mirrors.filter(({ name }) => name.endsWith(".test.ts")).filter((file) => !imported(file))).toEqual([]);
  });
});

test("no pure room keeps anything in mind between two calls", () => {
  // At the top of a module: a variable, a collection that is not typed as one that is only read, an array that may grow.
  const kept = [
    /^(?:export )?(?:let|var) /m,
    /^(?:export )?const \w+ = new (?:Map|Set|WeakMap|WeakSet)\b/m,
    /^(?:export )?const \w+: (?:Map|Set|WeakMap|WeakSet)</m,
    /^(?:export )?const \w+: (?!readonly )[^=(]*\[\] =/m,
  ];
  const pure = files.filter((file) => PURE.includes(roomOf(file)));
  const remembering = pure.filter((file) => {
    const text = readFileSync(join(root, file), "utf8");
    return kept.some((pattern) => pattern.test(text));
  });
  expect(remembering).toEqual([]);
});
