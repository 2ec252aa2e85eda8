import { expect, test } from "vitest";
import { PublishedAccounts } from "../../src/controller/published-accounts.ts";
import type { FoundObject } from "../../src/credential-spec/objects.ts";

const DNS = "contoso.com";
const spec = (...names: readonly string[]): FoundObject => ({
  metadata: { name: "spec", uid: "u", resourceVersion: "1" },
  credspec: { DomainJoinConfig: { DnsName: DNS }, ActiveDirectoryConfig: { GroupManagedServiceAccounts: names.map((Name) => ({ Name })) } },
});

test("an account is named by the credential specs that name it now", () => {
  const accounts = new PublishedAccounts();
  const of = (samAccountName: string, dnsName = DNS): readonly string[] => accounts.of({ samAccountName, dnsName });
  const [one, two] = [spec("shop", "old"), spec("SHOP")];
  accounts.changed("web.one", one, undefined);
  accounts.changed("web.two", two, undefined);
  expect([of("Shop"), of("old"), of("shop", "fabrikam.com"), of("none")]).toEqual([["web.one", "web.two"], ["web.one"], [], []]);
  const renamed = spec("shop", "new");
  accounts.changed("web.one", renamed, one);
  expect([of("shop").toSorted(), of("old"), of("new")]).toEqual([["web.one", "web.two"], [], ["web.one"]]);
  accounts.changed("web.one", undefined, renamed);
  expect([of("shop"), of("new")]).toEqual([["web.two"], []]);
});
