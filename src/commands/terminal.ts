/** What commands print, and how they ask: tables, colours where a terminal has them, and a question that only a terminal can answer. */
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { stripVTControlCharacters, styleText } from "node:util";
import { Document, visit } from "yaml";
import { UsageError } from "./inputs.ts";

/** Where a command writes, and whom it may ask. */
export interface Terminal {
  readonly out: NodeJS.WriteStream;
  readonly err: NodeJS.WriteStream;
  readonly in: NodeJS.ReadStream;
}

export type Style = (kind: "good" | "bad" | "waiting" | "title" | "faint", text: string) => string;

const STYLES = { good: "green", bad: "red", waiting: "yellow", title: "bold", faint: "dim" } as const;

/** Colours where the stream is a terminal and NO_COLOR is not set. */
export function styleFor(stream: NodeJS.WriteStream): Style {
  return (kind, text) => styleText(STYLES[kind], text, { stream });
}

/**
 * What comes from the cluster as it may be printed, with all texts in it: what would move the cursor, erase a row or turn letters round is shown as an
 * escape. Everything that a command prints of the cluster goes through this, before colours are added.
 */
export function printable<T>(value: T): T;
export function printable(value: unknown): unknown {
  if (typeof value === "string") return value.replaceAll(/[\p{Cc}\p{Bidi_Control}\u2028\u2029\uFEFF]/gu, escapeOf);
  if (Array.isArray(value)) return value.map((item: unknown) => printable(item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]: [string, unknown]) => [name, printable(item)]));
}

/** What JSON.stringify and YAML leave as it is, though it is not seen, or is seen as something else. */
const UNSEEN = /[\u007F-\u009F\u2028\u2029\uFEFF\p{Bidi_Control}]/gu;
/** Words of letters, digits and the signs of names, addresses and distinguished names. */
const PLAIN = /^[A-Za-z][A-Za-z0-9_./$@=,-]*( [A-Za-z0-9_./$@=,][A-Za-z0-9_./$@=,-]*)*$/;

/** Indented. JSON.stringify leaves some of the same characters as they are. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, undefined, 2).replaceAll(UNSEEN, (character) => `\\u${hex(character, 4)}`);
}

/**
 * For kubectl, which reads YAML 1.1: there no, on and 1:30 are no texts, and a line may end with U+2028. So a text stands in double quotes unless it is
 * plain beyond doubt, and what would end a line or turn letters round is an escape there.
 */
export function yamlText(value: unknown): string {
  const document = new Document(value, { version: "1.1" });
  visit(document, {
    Scalar: (_key, node) => {
      if (typeof node.value === "string" && !PLAIN.test(node.value)) node.type = "QUOTE_DOUBLE";
    },
  });
  return document.toString({ lineWidth: 0 }).replaceAll(UNSEEN, (character) => `\\u${hex(character, 4)}`);
}

function escapeOf(character: string): string {
  return character.charCodeAt(0) > 0xff ? `\\u${hex(character, 4)}` : `\\x${hex(character, 2)}`;
}

function hex(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, "0");
}

/** Columns as kubectl prints them: two or more spaces apart, the last one without padding. */
export function table(rows: readonly (readonly string[])[]): readonly string[] {
  const lengthOf = (text: string): number => stripVTControlCharacters(text).length;
  const widths = rows.reduce<number[]>((found, row) => row.map((cell, index) => Math.max(found[index] ?? 0, lengthOf(cell))), []);
  return rows.map((row) =>
    row
      .map((cell, index) => (index === row.length - 1 ? cell : cell + " ".repeat((widths[index] ?? 0) - lengthOf(cell) + 3)))
      .join("")
      .trimEnd(),
  );
}

/** How long ago, as kubectl says it: 45s, 12m, 3h, 8d. */
export function ageOf(since: string | undefined, now: Date): string {
  const seconds = Math.floor((now.getTime() - Date.parse(since ?? "")) / 1000);
  if (Number.isNaN(seconds)) return "<unknown>";
  if (seconds < 120) return `${Math.max(0, seconds)}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** A secret from the terminal, which does not show it. Throws a UsageError without a terminal. */
export async function askSecret({ in: input, err }: Terminal, question: string): Promise<string> {
  if (!input.isTTY)
    throw new UsageError("There is no terminal to ask for the password: give --password-file FILE, or - for standard input.");
  err.write(question);
  const nowhere = new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
  const lines = createInterface({ input, output: nowhere, terminal: true });
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once("close", () => {
        reject(new UsageError("No password was given."));
      });
      lines.question("").then(resolve, reject);
    });
  } finally {
    lines.close();
    err.write("\n");
  }
}

/** The text of a file; of - standard input. Rejects as reading does. */
export async function readGiven(file: string, { in: input }: Terminal): Promise<string> {
  return file === "-" ? await text(input) : await readFile(file, "utf8");
}

/** Whether the user says yes. Without a terminal nobody can: false. */
export async function confirm({ in: input, err }: Terminal, question: string): Promise<boolean> {
  if (!input.isTTY) return false;
  const lines = createInterface({ input, output: err });
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim());
  } finally {
    lines.close();
  }
}
