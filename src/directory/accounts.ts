/** Every gMSA of the domain, whoever owns it. */
import { EqualityFilter } from "ldapts";
import { ACCOUNT_CLASS, type DirectoryObject, isAccount } from "../ad/object.ts";
import { OBJECT_ATTRIBUTES, toDirectoryObject } from "./entries.ts";
import type { LdapSession } from "./session.ts";

/** More than this are not listed. */
const MOST = 20_000;

/** Without what they are members of. Rejects with DirectoryError; of more than 20,000 the answer is TooMany. */
export async function listAccounts(session: LdapSession, below: string): Promise<readonly DirectoryObject[]> {
  const entries = await session.search({
    base: below,
    scope: "sub",
    filter: new EqualityFilter({ attribute: "objectClass", value: ACCOUNT_CLASS }),
    attributes: OBJECT_ATTRIBUTES,
    pagesOf: MOST,
  });
  return entries.flatMap((entry) => toDirectoryObject(entry) ?? []).filter(isAccount);
}
