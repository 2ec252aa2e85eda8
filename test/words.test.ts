/** That the check of words finds them in each kind of file. It does not run over the repository here: `npm run check` does. */
import { expect, test } from "vitest";
import { filesToRead, findWords } from "../docs/check-words.ts";
import { WORDS } from "../docs/words.ts";

test.each([
  ["a string", "src/main.ts", 'const text = "the farm gets nothing new";', ["src/main.ts:1"]],
  ["a template", "src/main.ts", "\n\nconst text = `${name} bears no marker`;", ["src/main.ts:3"]],
  ["both sides of a value in a template", "src/main.ts", "const text = `it is anew ${name} anew`;", ["src/main.ts:1", "src/main.ts:1"]],
  ["a line that begins in a string", "src/main.ts", 'const text = "one\\nwanted two";', ["src/main.ts:1"]],
  ["no comment of a program", "src/main.ts", "/** As wanted. */\n// anew\nconst text = 1;", []],
  ["no name in a program", "src/main.ts", 'const kind = "Unwanted"; const wanted = kind;', []],
  ["a page", "README.md", "one\ntwo as wished\n", ["README.md:2"]],
  ["words at the end of a line and the begin of the next", "README.md", "it goes on by\nitself", ["README.md:1", "README.md:1"]],
  ["a comment that goes over lines", "crds/serverfarms.yaml", "# it is put\n# right", ["crds/serverfarms.yaml:1"]],
  ["any case", "README.md", "Somebody else's", ["README.md:1"]],
  ["what is let go, whatever it is", "README.md", "let the farm go, and it lets go", ["README.md:1", "README.md:1"]],
  ["no part of a word", "README.md", "forbearing, amendment, Stalled", []],
  ["what follows on from something", "README.md", "from its next logon on; on the third, go on the host", []],
  ["no examples of how not to write", "README.md", "<!-- check-words: off -->\nanew\n<!-- check-words: on -->\nanew", ["README.md:4"]],
])("%s", (_, file, text, places) => {
  expect(findWords(file, text).map((line) => line.split(": ")[0])).toEqual(places);
});

test("an exception is for those words of that file alone", () => {
  const exceptions = [{ file: "README.md", text: "takes over as PDC", reason: "Microsoft's text" }];
  expect(findWords("README.md", "it takes over as PDC", exceptions)).toEqual([]);
  expect(findWords("README.md", "it takes over", exceptions)).toHaveLength(1);
  expect(findWords("SECURITY.md", "it takes over as PDC", exceptions)).toHaveLength(1);
});

test("a message says what to write instead", () => {
  for (const { instead } of WORDS) expect(instead).not.toBe("");
  expect(findWords("README.md", "anew")).toEqual(['README.md:1: "anew": again']);
});

test("there is something to read, of each kind", () => {
  const files = filesToRead();
  for (const file of [
    "src/main.ts",
    "src/farm/slot.ts",
    "crds/serverfarms.yaml",
    "deploy/chart/templates/NOTES.txt",
    "deploy/monitoring/alerts.yaml",
  ])
    expect(files).toContain(file);
  expect(files.filter((file) => file.includes("generated") || file.includes(".test."))).toEqual([]);
});
