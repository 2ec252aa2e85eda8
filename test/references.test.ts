/** Whoever reads a page or a comment that points to a file of this repository finds it there. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, matchesGlob } from "node:path";
import { describe, expect, test } from "vitest";
import { ROOT } from "./harness/root.ts";

/** Not looked at: the changelog may name what is no more; the lock file names packages; of the last, see its first line. */
const EXEMPT = ["CHANGELOG.md", "package-lock.json"];

/** In the folder of a release. */
const MADE = ["release-notes.md"];

const ignored = [".git", ...readFileSync(join(ROOT, ".gitignore"), "utf8").trim().split("\n")].map((line) => line.replace(/\/$/, ""));

/** What git tracks, or would; without it, so that this runs in a copy too. */
function filesIn(folder: string): readonly string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true })
    .filter(({ name }) => !ignored.some((pattern) => matchesGlob(name, pattern)))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return filesIn(path);
      return entry.isFile() ? [path] : [];
    });
}

const files = filesIn("");
const names = new Set(files.map((file) => basename(file)));

/** What a path of the repository reads like: from its root, perhaps with the way there, as in `../../docs` or `${ROOT}/docs`. */
const ROOTED = /^(?:\/|(?:\.\.?\/)+)?((?:src|test|docs|deploy|crds)\/.*)$/;

/** The mentions of files in a text that lead nowhere. Globs mean many files, and URLs are not of this repository. */
function lostMentions(text: string, from: string): readonly string[] {
  return [...text.matchAll(/[\w.*/@-]+/g)]
    .map(([word]) => word.replace(/[.*/-]+$/, ""))
    .filter((word) => !word.includes("*") && !word.startsWith("//"))
    .filter((word) => {
      const rooted = ROOTED.exec(word)?.[1];
      if (rooted !== undefined) return !existsSync(join(ROOT, rooted));
      if (MADE.includes(basename(word))) return false;
      // Whether what a module imports is there the compiler says.
      if (word.startsWith("/") || !/[\w-]\.(?:md|ts)$/.test(word) || /^\..*\.ts$/.test(word)) return false;
      return word.includes("/") ? ![dirname(from), "."].some((folder) => existsSync(join(ROOT, folder, word))) : !names.has(word);
    });
}

/** The links of a page that lead nowhere, by their file or by their heading. */
function lostLinks(text: string, from: string): readonly string[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```/gm, "");
  const targets = [...prose.matchAll(/\]\(([^)\s]+)\)|^\[[^\]^][^\]]*\]: (\S+)$/gm)].map(([, inline, defined]) => inline ?? defined ?? "");
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [path = "", anchor] = target.split("#");
      const file = path === "" ? from : join(dirname(from), path);
      if (!existsSync(join(ROOT, file))) return true;
      return anchor !== undefined && !anchorsOf(path === "" ? text : readFileSync(join(ROOT, file), "utf8")).includes(anchor);
    });
}

/** As GitHub makes them of headings. */
function anchorsOf(page: string): readonly string[] {
  const prose = page.replaceAll(/^```[\s\S]*?^```/gm, "");
  return [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

function lostIn(file: string): readonly string[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  return [...lostMentions(text, file), ...(file.endsWith(".md") ? lostLinks(text, file) : [])];
}

describe("what points to a file of the repository", () => {
  test("leads to one that is there", () => {
    expect(files.length).toBeGreaterThan(200);
    const lost = files.filter((file) => !EXEMPT.includes(file)).flatMap((file) => lostIn(file).map((reference) => `${file}: ${reference}`));
    expect(lost).toEqual([]);
  });

  // Written so that this file names nothing that is not there.
  const gone = ["gone", "md"].join(".");
  test.each([
    [`/** Reasons: ${gone}. */`, [gone]],
    [`// as docs/${gone} says, and docs/design.md.`, [`docs/${gone}`]],
    [`new URL("../../docs/${gone}")`, [`../../docs/${gone}`]],
    [`\${ROOT}/docs/${gone}`, [`/docs/${gone}`]],
    [`see https://example.com/docs/${gone}, src/main.ts, src/**/*.ts and README.md`, []],
  ])("a mention is found: %s", (text, lost) => {
    expect(lostMentions(text, "test/harness/docs.ts")).toEqual(lost);
  });

  test.each([
    [`[a](${gone})`, [gone]],
    [`[a][b]\n\n[b]: ../${gone}`, [`../${gone}`]],
    ["[a](design.md#design) and [b](design.md#none)", ["design.md#none"]],
    ["## A heading, with `code`\n[a](#a-heading-with-code) [b](#b)", ["#b"]],
    [`[a](https://example.com/${gone})\n\`\`\`\n[a](${gone})\n\`\`\``, []],
  ])("a link is found: %j", (text, lost) => {
    expect(lostLinks(text, "docs/farms.md")).toEqual(lost);
  });
});
