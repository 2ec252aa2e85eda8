/**
 * How the API server compares what a farm asks for with what a tenant allows, in the Common Expression Language: as src/policy/rules.ts does, or more
 * leniently where CEL cannot do the same (letters outside ASCII, escapes in distinguished names). It never refuses what the operator allows.
 */
import type { Rule } from "../src/policy/asked.ts";
import { COMPARED } from "../src/policy/judge.ts";

/** One string of CEL. */
export function literal(text: string): string {
  return JSON.stringify(text);
}

/** Without backslashes in its way. */
function raw(text: string): string {
  return `r'${text}'`;
}

/** As toLowerCase(), as far as the outcome is in ASCII: outside of it these two letters alone have one in lower case. */
function folded(text: string): string {
  return `${text}.replace('\\u212a', 'k').replace('\\u0130', 'i\\u0307').lowerAscii()`;
}

function isAscii(text: string): string {
  return `${text}.matches(${raw(String.raw`^[\x00-\x7f]*$`)})`;
}

/** A pattern as a regular expression (RE2). What is folded has no \E in it. `any`: what * stands for. */
function glob(pattern: string, any: string): string {
  return `${raw(String.raw`\Q`)} + ${pattern}.replace('*', ${raw(String.raw`\E${any}\Q`)}) + ${raw(String.raw`\E`)}`;
}

/** Any characters of a value: none has several lines. */
const ANY = String.raw`[^\n]*`;

/** `patterns`: a list of regular expressions. Of an empty one nothing is meant. */
function anyOf(patterns: string): string {
  return `${raw(String.raw`(?:[^\s\S]`)} + ${patterns}.map(p, '|' + p).join('') + ')'`;
}

function matchesWhole(text: string, pattern: string): string {
  return `${text}.matches('^' + ${pattern} + '$')`;
}

/** `lines`: many values, each with a line break at its end, in lower case. One expression for all of them costs little. */
function matchLines(lines: string, pattern: string): string {
  return `${lines}.matches('^(?:' + ${pattern} + ${raw(String.raw`\n)*$`)})`;
}

/** Characters of names that stand for themselves. With escapes, quotes, names of several parts, or anything outside ASCII, the operator alone judges. */
const VALUE = String.raw`[!$-*\--:?-\[\]-~]`;
const PART = ` *[A-Za-z][A-Za-z0-9-]* *= *${VALUE}[ ${VALUE.slice(1)}*`;

function isPlainName(text: string): string {
  return `${text}.matches(${raw(`^${PART}(?:,${PART})*$`)})`;
}

/** A list of one: a plain distinguished name in its one spelling, relative to the domain; empty is the domain itself. */
function relativeName(text: string): string {
  const spelling = `${text}.lowerAscii().split(',').map(p, p.split('=').map(s, s.trim()).join('=')).join(',')`;
  const whole = "n.endsWith(',' + variables.baseDN) ? n.substring(0, size(n) - size(variables.baseDN) - 1) : n";
  return `[${spelling}].map(n, n == variables.baseDN ? '' : ${whole})`;
}

/** In another partition of the forest. */
function isElsewhere(name: string): string {
  return `${name}.matches(${raw("(?:^|,)dc=|(?:^|,)cn=configuration$")})`;
}

interface Comparison {
  /** Of a list of what is allowed, one regular expression. */
  readonly pattern: (allowed: string) => string;
  /** Whether something of the list cannot be judged here. */
  readonly loose: (allowed: string) => string;
  /** Whether a value is refused: `pattern` and `loose` are what is made of the list. */
  readonly refuses: (value: string, pattern: string, loose: string) => string;
  /** Whether each line is a value that is certainly allowed; where there may be many of them. */
  readonly allowsLines?: (lines: string, pattern: string) => string;
}

/** `any`: what * stands for. */
function names(any: string): Pick<Comparison, "pattern" | "loose"> {
  return {
    pattern: (allowed) => anyOf(`${allowed}.map(p, ${glob(folded("p"), any)})`),
    loose: (allowed) => `${allowed}.exists(p, !${isAscii("p")})`,
  };
}

/** What follows the first name in a distinguished name without anything that is not plain. */
const CONTAINER_OF_HOST = String.raw`(?:,[a-z]+=[\w.-][\w .-]*)+`;

/** A pattern with letters outside ASCII may mean every value with such letters, and no other. */
const COMPARISONS: Readonly<Record<(typeof COMPARED)[Rule], Comparison>> = {
  Pattern: {
    ...names(ANY),
    refuses: (value, pattern, loose) => `!${matchesWhole(folded(value), pattern)} && !(${loose} && !${isAscii(value)})`,
  },
  Host: {
    // Neither is in the name of a host, and both are about it in a distinguished name.
    ...names(String.raw`[^,=\n]*`),
    refuses: (value, pattern, loose) => {
      const ofObject = `${value}.split(',')[0].split('=')[1].trim()`;
      const name = `${value}.contains('=') ? ${ofObject} : ${value}.endsWith('$') ? ${value}.substring(0, size(${value}) - 1) : ${value}`;
      const isAllowed = `${matchesWhole("n", pattern)} || (n.contains('.') && ${matchesWhole("n.split('.')[0]", pattern)}) || (${loose} && !${isAscii("n")})`;
      return `(!${value}.contains('=') || ${isPlainName(value)}) && ![${folded(`(${name})`)}].all(n, ${isAllowed})`;
    },
    allowsLines: (lines, pattern) => {
      const name = `${pattern} + ${raw(String.raw`\$?`)}`;
      const nameOrObject = `'(?:[a-z]+=)?' + ${pattern} + ${raw(String.raw`(?:\$|${CONTAINER_OF_HOST})?`)}`;
      return `(${lines}.contains('=') ? ${matchLines(lines, nameOrObject)} : ${matchLines(lines, name)})`;
    },
  },
  ServicePrincipalName: {
    pattern: (allowed) => {
      const [host, rest] = ["p.find('/[^:/]*')", "p.substring(p.indexOf('/') + size(p.find('/[^:/]*')))"];
      const parts = `${glob("p.split('/')[0]", String.raw`[^/\n]*`)} + ${glob(host, String.raw`[^:/\n]*`)} + (${host}.endsWith('*') && ${rest} == '' ? ${raw(ANY)} : ${glob(rest, ANY)})`;
      return anyOf(`${allowed}.map(p, ${folded("p")}).map(p, p == '*' ? ${raw(ANY)} : ${parts})`);
    },
    // The schema takes names in ASCII alone.
    loose: () => "false",
    refuses: (value, pattern) => `!${matchesWhole(`${value}.lowerAscii()`, pattern)}`,
    allowsLines: matchLines,
  },
  Container: {
    pattern: (allowed) => {
      const own = `${allowed}.filter(c, ${isPlainName("c")}).map(c, ${relativeName("c")}[0]).filter(c, !${isElsewhere("c")})`;
      return anyOf(`${own}.map(c, c == '' ? ${raw(ANY)} : ${raw(String.raw`(?:${ANY},)?\Q`)} + c + ${raw(String.raw`\E`)})`);
    },
    loose: (allowed) => `${allowed}.exists(c, !${isPlainName("c")})`,
    refuses: (value, pattern, loose) =>
      `!${loose} && ${isPlainName(value)} && ${relativeName(value)}.exists(n, ${isElsewhere("n")} || !${matchesWhole("n", pattern)})`,
  },
};

export interface Variable {
  readonly name: string;
  readonly expression: string;
}

/** accounts.names → accountsNames */
function idOf(rule: Rule): string {
  return rule.replaceAll(/\.(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** What of the rules is the same for all values: for each tenant of the namespace, in their order. */
export function ruleVariables(rule: Rule, says: (allowed: string) => string): readonly Variable[] {
  const { pattern, loose } = COMPARISONS[COMPARED[rule]];
  const [id, allowed] = [idOf(rule), `t.${rule}`];
  const ofEach = (suffix: string, text: string): Variable => ({ name: `${id}${suffix}`, expression: `variables.tenants.map(t, ${text})` });
  return [ofEach("Pattern", pattern(allowed)), ofEach("Loose", loose(allowed)), ofEach("Says", says(allowed))];
}

/** Of a list the values that the tenant with the number i refuses; and whether there are any, which costs less. */
export function refusedOf(rule: Rule, list: string): { readonly values: string; readonly any: string } {
  const [pattern, loose] = [`variables.${idOf(rule)}Pattern[i]`, `variables.${idOf(rule)}Loose[i]`];
  const { refuses, allowsLines } = COMPARISONS[COMPARED[rule]];
  const one = refuses("v", pattern, loose);
  if (!allowsLines) return { values: `${list}.filter(v, ${one})`, any: `${list}.exists(v, ${one})` };
  const all = allowsLines(`(${list}.join('\\n').lowerAscii() + '\\n')`, pattern);
  return { values: `${all} ? [] : ${list}.filter(v, ${one})`, any: `!${all} && ${list}.exists(v, ${one})` };
}

/** What the tenant with the number i says of a rule. */
export function saysOf(rule: Rule): string {
  return `variables.${idOf(rule)}Says[i]`;
}
