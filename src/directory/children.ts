/** What stands below an object that the directory will not delete for that. */
import { DirectoryError, isCutShort } from "../ad/error.ts";
import { quoteForPowerShell } from "../ad/remedy.ts";
import { commonName } from "../names/distinguished-name.ts";
import type { LdapSession } from "./session.ts";

const NAMED = 3;

/** The same error, with what is below, as far as it can be seen, and what to do. None of it is deleted: no farm puts anything there. */
export async function nameChildren(session: LdapSession, distinguishedName: string, error: DirectoryError): Promise<DirectoryError> {
  const remedy = `The farm owns none of it, so the operator deleted nothing. List it (Get-ADObject -Filter * -SearchBase ${quoteForPowerShell(distinguishedName)} -SearchScope OneLevel), and move it or delete it yourself; the farm then continues automatically.`;
  const message = `${distinguishedName} cannot be deleted: ${await describeChildren(session, distinguishedName)} (${error.message}). ${remedy}`;
  return new DirectoryError(error.kind, message, { answer: error.answer, cause: error });
}

/** It is asked after the fact: that the directory does not answer now takes nothing from what it said before. */
async function describeChildren(session: LdapSession, base: string): Promise<string> {
  try {
    const found = await session.search({ base, scope: "one", attributes: ["cn"] });
    if (found.length === 0) return "something is below it that the operator's account may not see";
    const names = found.slice(0, NAMED).map((child) => commonName(child.distinguishedName));
    const rest = found.length > NAMED ? ` and ${found.length - NAMED} more` : "";
    return `${found.length === 1 ? "1 object is" : `${found.length} objects are`} below it: ${names.join(", ")}${rest}`;
  } catch (error) {
    if (!(error instanceof DirectoryError)) throw error;
    return isCutShort(error) ? "more objects are below it than one answer lists" : "something is below it";
  }
}
