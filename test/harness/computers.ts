/** Computers in containers, as administrators keep them. */
import { BASE, type TestDirectory } from "./directory.ts";

/** Whole distinguished names: each below the one before it. */
export async function addContainer(directory: TestDirectory, ...containers: readonly string[]): Promise<void> {
  await directory.asAdministrator(async (client) => {
    for (const container of containers) await client.add(container, { objectClass: "organizationalUnit" });
  });
}

/** Computers that nobody logs on with. */
export async function addMany(
  directory: TestDirectory,
  container: string,
  names: readonly string[],
  userAccountControl = 4096,
): Promise<void> {
  await directory.asAdministrator(async (client) => {
    for (const name of names) {
      await client.add(`CN=${name},${container}`, {
        objectClass: "computer",
        sAMAccountName: `${name}$`,
        userAccountControl: String(userAccountControl),
      });
    }
  });
}

/** The container and everything in it. */
export async function removeTree(directory: TestDirectory, container: string): Promise<void> {
  await directory.asAdministrator(async (client) => {
    const { searchEntries } = await client.search(container, { scope: "sub", attributes: ["cn"], paged: true });
    const deepestFirst = searchEntries.map(({ dn }) => dn).toSorted((one, other) => other.split(",").length - one.split(",").length);
    for (const dn of deepestFirst) await client.del(dn);
  });
}

export function numbered(prefix: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${String(index + 1).padStart(4, "0")}`);
}

/** Whole distinguished names. */
export function inDomain(container: string): string {
  return `${container},${BASE}`;
}
