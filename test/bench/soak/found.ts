/** What the directory holds for the farms of the soak: read anew, and each computer asks for every password itself. */
import type { Entry } from "ldapts";
import { BASE, COMPUTER_PASSWORD, type TestDirectory } from "../../harness/directory.ts";
import { type Facts, facts, HOSTS, STRANGERS } from "./farms.ts";

const textsOf = (entry: Entry, attribute: string): readonly string[] => {
  const value = entry[attribute];
  return (Array.isArray(value) ? value : [value]).flatMap((one) => (one === undefined ? [] : [String(one)])).toSorted();
};
const nameOf = (entry: Entry): string => String(entry["sAMAccountName"]);

/** `isOthers`: whether an object is one of those that others change all the time. */
export async function foundFacts(directory: TestDirectory, isOthers: (name: string) => boolean): Promise<Facts> {
  const found = new Map<string, readonly string[]>();
  const everything = await directory.search("(|(objectClass=user)(objectClass=group))", ["*", "memberOf"], { paged: true });
  const accounts = everything.filter((entry) => textsOf(entry, "objectClass").includes("msDS-GroupManagedServiceAccount"));
  for (const account of accounts) {
    const name = nameOf(account).replace(/\$$/, "");
    found.set(facts.account(name), textsOf(account, "description"));
    found.set(facts.names(name), textsOf(account, "servicePrincipalName"));
    found.set(facts.retrievers(name), []);
  }
  const names = new Map(everything.map((entry) => [entry.dn.toLowerCase(), nameOf(entry)]));
  for (const group of everything.filter((entry) => textsOf(entry, "objectClass").includes("group"))) {
    const name = nameOf(group);
    if (!/,OU=Farms,/i.test(group.dn)) continue;
    const members = textsOf(group, "member").map((dn) => names.get(dn.toLowerCase()) ?? dn);
    found.set(facts.members(name), members.toSorted());
  }
  for (const entry of everything) if (isOthers(nameOf(entry))) found.set(facts.other(nameOf(entry)), textsOf(entry, "description"));
  for (const computer of [...HOSTS, ...STRANGERS]) {
    for (const account of await retrievedBy(directory, computer)) {
      const fact = facts.retrievers(account.replace(/\$$/, ""));
      found.set(fact, [...(found.get(fact) ?? []), `${computer}$`].toSorted());
    }
  }
  return found;
}

/** The accounts whose password the computer, bound as itself, is given. */
function retrievedBy(directory: TestDirectory, computer: string): Promise<readonly string[]> {
  return directory.as({ username: `${computer}$@contoso.com`, password: COMPUTER_PASSWORD }, async (client) => {
    const { searchEntries } = await client.search(`OU=Farms,${BASE}`, {
      filter: "(objectClass=msDS-GroupManagedServiceAccount)",
      attributes: ["sAMAccountName", "msDS-ManagedPassword"],
      explicitBufferAttributes: ["msDS-ManagedPassword"],
      paged: true,
    });
    return searchEntries.flatMap((entry) => {
      const password = entry["msDS-ManagedPassword"];
      return Buffer.isBuffer(password) && password.length > 256 ? [nameOf(entry)] : [];
    });
  });
}
