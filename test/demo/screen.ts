/** How the demo looks: a heading for each step, what somebody does, and what is seen then, with the time since. */
import { stripVTControlCharacters, styleText } from "node:util";
import { commonName } from "../../src/names/distinguished-name.ts";
import type { DirectoryChange } from "./directory-changes.ts";

type Format = Parameters<typeof styleText>[0];

const WIDTH = Math.max(80, Math.min(process.stdout.columns ?? 110, 130));
const INDENT = 23;
let step = 0;
let since = performance.now();

function paint(format: Format, text: string): string {
  return styleText(format, text, { stream: process.stdout });
}

export function line(text = ""): void {
  process.stdout.write(`${text}\n`);
}

export function title(text: string, rest: string): void {
  line(`${paint("bold", text)}  ${rest}`);
}

export function heading(text: string): void {
  step++;
  line();
  line(paint(["bold", "cyan"], `${step}  ${text}`));
}

/** What somebody does now; time is counted from here. */
export function act(who: string, command: string): void {
  since = performance.now();
  const [first = "", ...rest] = wrap(command, WIDTH - 14);
  line(`   ${paint("dim", who.padEnd(9))}${paint("bold", first)}`);
  for (const more of rest) line(`${" ".repeat(14)}${paint("bold", more)}`);
}

/** Something that is seen: where, and what. */
export function seen(where: string, text: string, format: Format = "reset"): void {
  const time = `${((performance.now() - since) / 1000).toFixed(1)} s`;
  const [first = "", ...rest] = wrap(text, WIDTH - INDENT);
  line(`   ${paint("dim", time.padStart(7))}  ${paint("dim", where.padEnd(INDENT - 12))}${paint(format, first)}`);
  for (const more of rest) line(`${" ".repeat(INDENT)}${paint(format, more)}`);
}

export function showChange({ kind, what, dn, values }: DirectoryChange): void {
  const details = values
    .filter(({ attribute }) => attribute === "servicePrincipalName" || attribute === "member" || kind === "Changed")
    .map(
      ({ attribute, added, removed }) =>
        `${attribute} ${[...added.map((value) => sign("+", value)), ...removed.map((value) => sign("-", value))].join(", ")}`,
    );
  const parent = dn.slice(dn.indexOf(",") + 1).replace(/,DC=.*$/, "");
  switch (kind) {
    case "Created":
      seen("directory", `+ ${what} in ${parent}`, "green");
      break;
    case "Deleted":
      seen("directory", `- ${what}`, "red");
      break;
    case "Changed":
      seen("directory", `~ ${what}`, "yellow");
      break;
  }
  for (const detail of details) for (const text of wrap(detail, WIDTH - INDENT - 2)) line(`${" ".repeat(INDENT + 2)}${text}`);
}

function sign(mark: "+" | "-", value: string): string {
  return paint(mark === "+" ? "green" : "red", `${mark}${value.includes(",DC=") ? commonName(value) : value}`);
}

/** Lines of at most `width` characters, broken between words. */
function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && visible(last) + 1 + visible(word) <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function visible(text: string): number {
  return stripVTControlCharacters(text).length;
}
