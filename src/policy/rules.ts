/** What one tenant allows, made ready to judge many farms by. */
import { foldName, patternOf } from "../names/account-name.ts";
import { DistinguishedNameError, keysUpwards, normalizeDn, resolveDn } from "../names/distinguished-name.ts";

/** Whether a value is allowed. */
export type Allows = (value: string) => boolean;

/** Patterns in which * stands for any characters. */
export function byPattern(patterns: readonly string[]): Allows {
  return some(patterns.map(patternOf));
}

/** The name of a computer, as a farm names it: all of a DNS name, or its first label. */
export function byHostPattern(patterns: readonly string[]): Allows {
  const allows = byPattern(patterns);
  return (name) => allows(name) || (name.includes(".") && allows(name.slice(0, name.indexOf("."))));
}

/** Class, host and whatever follows it, of a service principal name or of a pattern of such names. */
const PARTS = /^([^/]*)\/([^:/]*)(.*)$/s;

/**
 * Class, host and the rest each for itself: http/*.web.contoso.com is no pattern of http/other.contoso.com:x.web.contoso.com, which only ends so. What
 * follows a host that ends with * is free.
 */
export function byServicePrincipalName(patterns: readonly string[]): Allows {
  return some(patterns.map(servicePrincipalNamePattern));
}

function servicePrincipalNamePattern(pattern: string): (folded: string) => boolean {
  const parts = PARTS.exec(pattern);
  if (!parts) return patternOf(pattern);
  const [, serviceClass = "", host = "", rest = ""] = parts;
  const isFree = host.endsWith("*") && rest === "";
  const [isClass, isHost, isRest] = [patternOf(serviceClass), patternOf(host), patternOf(isFree ? "*" : rest)];
  return (folded) => {
    const [, ownClass, ownHost = "", ownRest = ""] = PARTS.exec(folded) ?? [];
    return ownClass !== undefined && isClass(ownClass) && isHost(ownHost) && isRest(ownRest);
  };
}

function some(tests: readonly ((folded: string) => boolean)[]): Allows {
  return (value) => {
    const folded = foldName(value);
    return tests.some((test) => test(folded));
  };
}

/** Containers of the domain as whole distinguished names; one that is none of this domain allows nothing, and is left out. */
export function wholeContainers(containers: readonly string[], baseDN: string): readonly string[] {
  return containers.flatMap((text) => wholeContainer(text, baseDN) ?? []);
}

/** Undefined for a text that is no container of the domain. */
export function wholeContainer(text: string, baseDN: string): string | undefined {
  try {
    return resolveDn(text, baseDN);
  } catch (error) {
    if (error instanceof DistinguishedNameError) return undefined;
    throw error;
  }
}

/** `containers`: whole distinguished names; what stands there or below is allowed. */
export function byContainer(containers: readonly string[]): Allows {
  const keys = new Set(containers.map(normalizeDn));
  return (dn) => keysUpwards(dn).some((key) => keys.has(key));
}
