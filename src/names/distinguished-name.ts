/** Distinguished names as strings (RFC 4514). Active Directory compares them without regard to case. */

export interface RelativeName {
  readonly type: string;
  readonly value: string;
}

export class DistinguishedNameError extends Error {
  override readonly name = "DistinguishedNameError";
}

const SPECIAL: ReadonlySet<string> = new Set([",", "+", '"', "\\", "<", ">", ";", "="]);

/** A value as it stands in a distinguished name: RFC 4514 §2.4, with control characters as hex pairs too. */
export function escapeValue(value: string): string {
  const last = value.length - 1;
  return value
    .split("")
    .map((character, index) => {
      if (character < " " || character === "\u007f") return `\\${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
      if (SPECIAL.has(character)) return `\\${character}`;
      if (character === " " && (index === 0 || index === last)) return "\\ ";
      if (character === "#" && index === 0) return "\\#";
      return character;
    })
    .join("");
}

/**
 * Most names by far: plain ASCII without escapes, quotes or blanks beside the separators. For these the one spelling is the lower-case one, which is
 * made thirty times faster than by parsing; groups have members by the thousand.
 */
const PLAIN = /^(?:[a-z][a-z0-9-]*=[a-z0-9_$.@!'()*/:?&-]+(?: +[a-z0-9_$.@!'()*/:?&-]+)*(?:,(?=.)|$))+$/i;

function splitPlain(part: string): RelativeName {
  const equals = part.indexOf("=");
  return { type: part.slice(0, equals), value: part.slice(equals + 1) };
}

/** The parts of a distinguished name, the most specific first. Throws DistinguishedNameError when it is not one. */
export function parseDn(text: string): readonly (readonly RelativeName[])[] {
  if (text === "") return [];
  if (PLAIN.test(text)) return text.split(",").map((part) => [splitPlain(part)]);
  const names: RelativeName[][] = [[]];
  let position = 0;
  const fail = (what: string): never => {
    throw new DistinguishedNameError(`${JSON.stringify(text)} is not a distinguished name: ${what} at character ${position + 1}`);
  };
  for (;;) {
    const equals = text.indexOf("=", position);
    if (equals < 0) fail("no =");
    const type = text.slice(position, equals).trim();
    if (!/^([A-Za-z][A-Za-z0-9-]*|\d+(\.\d+)*)$/.test(type)) fail("no attribute type");
    position = equals + 1;
    while (text[position] === " ") position++;
    // Bytes, since \C3\A9 are two escapes of one character. `kept` is how much of it unescaped trailing spaces may not be cut from.
    const bytes: number[] = [];
    let kept = 0;
    let separator: string | undefined;
    for (; position < text.length; position++) {
      const character = String.fromCodePoint(text.codePointAt(position) ?? 0);
      if (character === "," || character === "+" || character === ";") {
        separator = character;
        break;
      }
      if (character === "\\") {
        const pair = text.slice(position + 1, position + 3);
        const next = text[position + 1];
        if (/^[0-9A-Fa-f]{2}$/.test(pair)) {
          bytes.push(Number.parseInt(pair, 16));
          position += 2;
        } else if (next !== undefined && (SPECIAL.has(next) || next === " " || next === "#")) {
          bytes.push(next.charCodeAt(0));
          position += 1;
        } else fail("a backslash that escapes nothing");
        kept = bytes.length;
      } else if (character === '"' || character === "<" || character === ">" || character === "\0") {
        fail(`an unescaped ${JSON.stringify(character)}`);
      } else {
        bytes.push(...Buffer.from(character));
        position += character.length - 1;
        if (character !== " ") kept = bytes.length;
      }
    }
    if (kept === 0) fail("an empty value");
    const value = Buffer.from(bytes.slice(0, kept)).toString("utf8");
    names.at(-1)?.push({ type, value });
    if (separator === undefined) return names;
    position++;
    if (separator !== "+") names.push([]);
  }
}

/** The one spelling that all spellings of a name share: to compare and to index by. */
export function normalizeDn(dn: string): string {
  return PLAIN.test(dn) ? dn.toLowerCase() : joinNormalized(parseDn(dn));
}

function joinNormalized(parts: ReturnType<typeof parseDn>): string {
  return parts
    .map((names) => names.map(({ type, value }) => `${type.toLowerCase()}=${escapeValue(value.toLowerCase())}`).join("+"))
    .join(",");
}

/** As normalizeDn, but a text that is no distinguished name is only lower-cased: for what a server said, which is never refused. */
export function dnKey(dn: string): string {
  return PLAIN.test(dn) ? dn.toLowerCase() : normalizedOrLower(dn);
}

function normalizedOrLower(dn: string): string {
  try {
    return normalizeDn(dn);
  } catch (error) {
    if (error instanceof DistinguishedNameError) return dn.toLowerCase();
    throw error;
  }
}

/** The key of the container that a name stands in. */
export function parentKey(dn: string): string {
  if (PLAIN.test(dn)) return dn.includes(",") ? dn.slice(dn.indexOf(",") + 1).toLowerCase() : "";
  try {
    return joinNormalized(parseDn(dn).slice(1));
  } catch (error) {
    if (error instanceof DistinguishedNameError) return "";
    throw error;
  }
}

/** The key of a name, and those of the containers that it is in, the nearest first; of a text that is no distinguished name none. */
export function keysUpwards(dn: string): readonly string[] {
  try {
    const parts = parseDn(dn);
    return parts.map((_, index) => joinNormalized(parts.slice(index)));
  } catch (error) {
    if (error instanceof DistinguishedNameError) return [];
    throw error;
  }
}

/** The container that a name of the directory's own stands in, as it is written there. */
export function parentDn(dn: string): string {
  return dn.replace(/^(?:\\.|[^\\,])*,/, "");
}

/** `CN=<name>,<container>`, with the name escaped. */
export function childDn(name: string, container: string): string {
  return `CN=${escapeValue(name)},${container}`;
}

/** The first value of a name: WEB01 of CN=WEB01,OU=Servers. A text that is no distinguished name is returned as it is. */
export function commonName(dn: string): string {
  try {
    return parseDn(dn)[0]?.[0]?.value ?? dn;
  } catch {
    return dn;
  }
}

/** contoso.com of DC=contoso,DC=com. Throws DistinguishedNameError. */
export function dnsNameOf(dn: string): string {
  return parseDn(dn)
    .flatMap((part) => part.filter(({ type }) => type.toLowerCase() === "dc").map(({ value }) => value))
    .join(".");
}

/**
 * A name in the domain: a whole one as it is, a relative one (`OU=Farms`) completed. Throws DistinguishedNameError, also for a name in another
 * partition of the forest that only ends as the domain's names do: a child domain, DNS zones, the configuration.
 */
export function resolveDn(text: string, baseDN: string): string {
  const [parts, base] = [parseDn(text), normalizeDn(baseDN)];
  const name = joinNormalized(parts);
  const whole = name === base || name.endsWith(`,${base}`);
  const inside = whole ? parts.slice(0, parts.length - parseDn(baseDN).length) : parts;
  const isType = (part: (typeof parts)[number] | undefined, type: string): boolean => part?.[0]?.type.toLowerCase() === type;
  if (inside.some((part) => isType(part, "dc"))) throw new DistinguishedNameError(`${JSON.stringify(text)} is not in the domain ${baseDN}`);
  const top = inside.at(-1);
  if (isType(top, "cn") && top?.[0]?.value.toLowerCase() === "configuration") {
    throw new DistinguishedNameError(`${JSON.stringify(text)} is in the forest's configuration, not in the domain ${baseDN}`);
  }
  return whole ? text : `${text},${baseDN}`;
}

/**
 * Containers directly below the domain's root that hold more than farms: rights for farms would reach objects of others there, administrators' among
 * them. Of those with `below` also what is in them.
 */
const SHARED: readonly { readonly type: string; readonly name: string; readonly below: boolean }[] = [
  { type: "cn", name: "users", below: false },
  { type: "cn", name: "computers", below: false },
  { type: "ou", name: "domain controllers", below: true },
  { type: "cn", name: "builtin", below: true },
  { type: "cn", name: "system", below: true },
];

/** `dn`: a whole distinguished name of a domain, or one relative to it. The domain's root is shared, too. */
export function isSharedContainer(dn: string): boolean {
  try {
    const inside = parseDn(dn).filter(([first]) => first?.type.toLowerCase() !== "dc");
    const [top] = inside.at(-1) ?? [];
    if (!top) return true;
    return SHARED.some(
      ({ type, name, below }) => top.type.toLowerCase() === type && top.value.toLowerCase() === name && (below || inside.length === 1),
    );
  } catch (error) {
    if (error instanceof DistinguishedNameError) return false;
    throw error;
  }
}

export const MAKE_AN_OU = "create an OU that holds only farms (New-ADOrganizationalUnit Farms)";
