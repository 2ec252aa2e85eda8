/** The commands that the documentation tells people to run. */
import { readdir, readFile } from "node:fs/promises";
import { ROOT } from "./root.ts";

/** What the lines of code blocks start with, and the commands that stand in the text. */
const PROGRAMS = "kubectl|helm|npm|npx|samba-tool|docker|dsacls|dsadd|powershell|Get-AD\\w+";

/** All pages, relative to the root of the repository. */
export async function pages(): Promise<readonly string[]> {
  const docs = (await readdir(`${ROOT}/docs`, { recursive: true })).filter((name) => name.endsWith(".md"));
  return ["README.md", "CONTRIBUTING.md", "SECURITY.md", ...docs.map((name) => `docs/${name}`)];
}

/** The lines of a page's code blocks that are commands of their own. */
export async function commandsOf(page: string): Promise<readonly string[]> {
  const parts = (await readFile(`${ROOT}/${page}`, "utf8")).split(/^```.*$/m);
  const lines = parts.flatMap((text, index) => (index % 2 === 1 ? text.split("\n") : []));
  return lines.filter((line) => new RegExp(`^(${PROGRAMS}) `).test(line));
}

/** The code block of a page that has this text. */
export async function codeBlock(page: string, text: string): Promise<string> {
  const parts = (await readFile(`${ROOT}/${page}`, "utf8")).split(/^```.*\n/m);
  const block = parts.find((part, index) => index % 2 === 1 && part.includes(text));
  if (block === undefined) throw new Error(`${page} has no block with ${text}`);
  return block;
}

/** Commands in a page's text, in backquotes, with all that they need to be run: not the mere name of one. */
export async function mentionedIn(page: string): Promise<readonly string[]> {
  const parts = (await readFile(`${ROOT}/${page}`, "utf8")).split(/^```.*$/m);
  const text = parts.filter((_, index) => index % 2 === 0).join("");
  return [...text.matchAll(new RegExp(`\`((?:${PROGRAMS}) [^\`]+)\``, "g"))]
    .map(([, command = ""]) => command)
    .filter((command) => !/^kubectl \w+$/.test(command));
}

/** The README's commands for a first installation, as one script. */
export const readmeScript = (): Promise<string> => codeBlock("README.md", "kubectl apply -f install.yaml");

/** The commands that install from a checkout, as one script. */
export const checkoutScript = (): Promise<string> => codeBlock("docs/install.md", "npm start -- --config deploy/samples/config.yaml &");
