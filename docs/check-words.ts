/** Finds the words of docs/words.ts in what users read. `npm run check:words` exits 1 where there is one. */
import { globSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseSync, Visitor } from "oxc-parser";
import { EXCEPTIONS, type Exception, WORDS } from "./words.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Of programs the strings are read, and of all others the whole text, comments included. */
const READ = [
  "src/**/*.ts",
  "deploy/*.ts",
  "docs/generate.ts",
  "test/demo/*.ts",
  "crds/*.yaml",
  "README.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "docs/**/*.md",
  "deploy/chart/**",
  "deploy/monitoring/*",
  "deploy/samples/*",
];

/** Generated from what is read anyway, tests, and a page whose text is still to come. */
const NOT_READ = ["src/api/generated/**", "deploy/chart/files/**", "**/*.test.*"];

/** What stands between these two lines of a page shows how not to write. */
const SHOWN = /<!-- check-words: off -->[\s\S]*?<!-- check-words: on -->/g;

/** A part of a file that users read. `offset`: where in the file it begins. */
interface Text {
  readonly text: string;
  readonly offset: number;
}

/** String and template literals. What stands between the parts of a template is left out, and the parts keep their places. */
function literalsOf(file: string, source: string): readonly Text[] {
  const { program, errors } = parseSync(file, source);
  const [error] = errors;
  if (error) throw new Error(`${file}: ${error.message}`);
  const texts: Text[] = [];
  new Visitor({
    Literal: ({ value, start, end }) => {
      if (typeof value === "string" && /\s/.test(value)) texts.push({ text: withoutEscapes(source.slice(start, end)), offset: start });
    },
    TemplateLiteral: ({ quasis, start, end }) => {
      const characters = Array.from({ length: end - start }, () => "\u0000");
      for (const quasi of quasis) {
        for (let at = quasi.start; at < quasi.end; at++) characters[at - start] = source.charAt(at);
      }
      texts.push({ text: withoutEscapes(characters.join("")), offset: start });
    },
  }).visit(program);
  return texts;
}

/** A line end in a literal is two characters of the source. */
function withoutEscapes(text: string): string {
  return text.replaceAll(/\\[nt]/g, "  ");
}

const PATTERNS = WORDS.map(({ pattern, instead }) => ({
  regex: new RegExp(`(?<![\\w-])(?:${pattern.replaceAll(" ", "(?:\\s+(?:#\\s+)?)")})(?![\\w-])`, "gi"),
  instead,
}));

/** One line for each such word, as `file:line: word: what to write instead`. */
export function findWords(file: string, source: string, exceptions: readonly Exception[] = EXCEPTIONS): readonly string[] {
  const texts = file.endsWith(".ts") ? literalsOf(file, source) : [{ text: source, offset: 0 }];
  const allowed = [
    ...exceptions.filter((exception) => exception.file === file).flatMap(({ text }) => placesOf(text, source)),
    ...[...source.matchAll(SHOWN)].map(({ index, 0: { length } }) => ({ start: index, end: index + length })),
  ];
  return texts
    .flatMap(({ text, offset }) =>
      PATTERNS.flatMap(({ regex, instead }) =>
        [...text.matchAll(regex)].map(({ 0: word, index }) => ({
          word,
          instead,
          start: offset + index,
          end: offset + index + word.length,
        })),
      ),
    )
    .filter(({ start, end }) => !allowed.some((place) => place.start <= start && end <= place.end))
    .toSorted((a, b) => a.start - b.start)
    .map(
      ({ start, word, instead }) => `${file}:${source.slice(0, start).split("\n").length}: "${word.replaceAll(/\s+/g, " ")}": ${instead}`,
    );
}

function placesOf(text: string, source: string): readonly { readonly start: number; readonly end: number }[] {
  const places = [];
  for (let start = source.indexOf(text); start >= 0; start = source.indexOf(text, start + 1))
    places.push({ start, end: start + text.length });
  return places;
}

/** Exceptions that no text needs any more. */
export function lostExceptions(read: (file: string) => string): readonly string[] {
  return EXCEPTIONS.filter(({ file, text }) => !read(file).includes(text)).map(
    ({ file, text }) => `docs/words.ts: ${file} has no "${text}" any more`,
  );
}

/** What users read, by path from the root. */
export function filesToRead(): readonly string[] {
  const found = globSync(READ, { cwd: ROOT, exclude: NOT_READ, withFileTypes: true }).filter((entry) => entry.isFile());
  return found.map(({ parentPath, name }) => relative(ROOT, join(parentPath, name))).toSorted();
}

if (import.meta.main) {
  const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");
  const problems = [...filesToRead().flatMap((file) => findWords(file, read(file))), ...lostExceptions(read)];
  if (problems.length > 0) {
    process.stderr.write(`${problems.join("\n")}\n${problems.length} to correct: docs/words.ts has the list, CONTRIBUTING.md the style.\n`);
    process.exitCode = 1;
  }
}
