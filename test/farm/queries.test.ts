import { expect, test } from "vitest";
import { ACCOUNT_CLASS, GROUP_CLASS, type DirectoryObject } from "../../src/ad/object.ts";
import { look, lookupKeys } from "../../src/farm/queries.ts";
import { lookupKey } from "../../src/names/identifier.ts";
import { answerAll } from "./answers.ts";
import { BASE, desired, directoryObject } from "./simulation.ts";

const KNOWN = { observedGeneration: 1, ownedObjects: [{ objectGUID: "g", kind: "Account" as const }] };

/** What is asked, question by question; the first is answered with the objects, all others with nothing. */
function asked(wanted: ReturnType<typeof desired>, objects: readonly DirectoryObject[] = []): readonly (readonly string[])[] {
  let answers = [objects];
  const { queries } = answerAll(look(wanted, { scope: "Names", absenceReliable: true }), () => {
    const [first = []] = answers;
    answers = [];
    return first;
  });
  return queries.map(({ lookups }) => lookups.map(({ by, value }) => `${by}=${value}`));
}

test("of a name its holder is asked for, who holds one that implies it, and computers that it speaks of, each once", () => {
  const [first = [], ...more] = asked(
    desired({ servicePrincipalNames: ["http/shop", "CIFS/shop", "MSSQLSvc/db.example.org:1433"], hosts: { grant: "Principals" } }),
  );
  // Where the account is made is asked too, while it is not there.
  expect(more).toEqual([[`distinguishedName=OU=Farms,${BASE}`]]);
  expect(first.slice(2)).toEqual([
    "servicePrincipalName=http/shop",
    "servicePrincipalName=CIFS/shop",
    "servicePrincipalName=MSSQLSvc/db.example.org:1433",
    "servicePrincipalName=host/shop",
    "sAMAccountName=shop$",
    "sAMAccountName=db$",
    "sAMAccountName=itfarm1$",
    "dNSHostName=shop.contoso.com",
    "dNSHostName=db.example.org",
    "dNSHostName=itfarm1.contoso.com",
  ]);
});

test("of HOST/x everybody is asked for who holds what it implies", () => {
  const [first = []] = asked(desired({ servicePrincipalNames: ["HOST/shop"] }));
  for (const name of ["http/shop", "cifs/shop", "www/shop"]) expect(first).toContain(`servicePrincipalName=${name}`);
  expect(first.filter((lookup) => lookup.startsWith("servicePrincipalName=")).length).toBeGreaterThan(50);
});

test("what HOST/x implies is asked for while the account does not hold it, and not again", () => {
  const wanted = desired({ servicePrincipalNames: ["HOST/shop", "HOST/itfarm1"], hosts: { grant: "Principals" } }, KNOWN);
  const own = directoryObject({
    distinguishedName: `CN=itfarm1,OU=Farms,${BASE}`,
    samAccountName: "itfarm1$",
    objectClass: ACCOUNT_CLASS,
    owner: wanted.owner,
    dnsHostName: "itfarm1.contoso.com",
    servicePrincipalNames: ["HOST/itfarm1"],
  });
  const [first = [], second = []] = asked(wanted, [own]);
  expect(first).not.toContain("servicePrincipalName=http/shop");
  expect(second).toContain("servicePrincipalName=http/shop");
  expect(second).not.toContain("servicePrincipalName=http/itfarm1");
});

test("computers by dNSHostName, which has no index, are asked for only of names that the account does not bear yet", () => {
  const wanted = desired({ servicePrincipalNames: ["http/shop", "http/new.example.org"], hosts: { grant: "Principals" } }, KNOWN);
  const own = directoryObject({
    distinguishedName: `CN=itfarm1,OU=Farms,${BASE}`,
    samAccountName: "itfarm1$",
    objectClass: ACCOUNT_CLASS,
    owner: wanted.owner,
    dnsHostName: "ITFARM1.contoso.com",
    servicePrincipalNames: ["HTTP/shop"],
  });
  const dnsNames = (questions: readonly (readonly string[])[]): readonly (readonly string[])[] =>
    questions.map((lookups) => lookups.filter((lookup) => lookup.startsWith("dNSHostName=")));
  expect(dnsNames(asked(wanted, [own]))).toEqual([[], ["dNSHostName=new.example.org"]]);
  expect(dnsNames(asked(wanted, [{ ...own, servicePrincipalNames: wanted.servicePrincipalNames }]))).toEqual([[]]);
  expect(dnsNames(asked(wanted, [{ ...own, dnsHostName: undefined, servicePrincipalNames: wanted.servicePrincipalNames }]))).toEqual([
    [],
    ["dNSHostName=itfarm1.contoso.com"],
  ]);
  expect(dnsNames(asked(wanted))).toEqual([
    [],
    ["shop.contoso.com", "new.example.org", "itfarm1.contoso.com"].map((name) => `dNSHostName=${name}`),
    // Where the account is made.
    [],
  ]);
});

test("the end of a farm asks for nobody's names but its own", () => {
  const questions = look(desired({ servicePrincipalNames: ["http/shop"] }), { scope: "Owned", absenceReliable: true });
  const { lookups = [] } = answerAll(questions, () => []).queries[0] ?? {};
  expect(lookups.some(({ by }) => by === "dNSHostName")).toBe(false);
  expect(lookups.map(({ value: text }) => text)).not.toContain("host/shop");
});

test("whoever comes to hold or bear such a name wakes the farm, whatever it owns already", () => {
  for (const status of [undefined, KNOWN]) {
    const keys = lookupKeys(desired({ servicePrincipalNames: ["http/shop", "HOST/portal"] }, status), undefined);
    for (const [by, value] of [
      ["servicePrincipalName", "HTTP/shop"],
      ["servicePrincipalName", "HOST/Shop"],
      ["servicePrincipalName", "cifs/portal"],
      ["sAMAccountName", "SHOP$"],
      ["dNSHostName", "shop.contoso.com"],
      ["dNSHostName", "itfarm1.contoso.com"],
    ] as const) {
      expect(keys.has(lookupKey(by, value)), value).toBe(true);
    }
  }
});

test("what is known and not to be seen is missed while it may be on its way, unless the program deleted it", () => {
  const missing = (absenceReliable: boolean, isDeleted?: (objectGUID: string) => boolean): readonly string[] => {
    const wanted = { ...desired(), knownObjects: ["g"] };
    const questions = look(wanted, { scope: "Owned", absenceReliable, ...(isDeleted && { isDeleted }) });
    return answerAll(questions, () => []).result.missing;
  };
  expect(missing(true)).toEqual([]);
  expect(missing(false)).toEqual(["g"]);
  expect(missing(false, (guid) => guid === "another")).toEqual(["g"]);
  expect(missing(false, (guid) => guid === "g")).toEqual([]);
  const { account } = desired();
  const coming = look(desired(), { scope: "Owned", absenceReliable: false, isOnItsWay: (dn) => dn === account.distinguishedName });
  expect(answerAll(coming, () => []).result.missing).toEqual([account.distinguishedName]);
});

test("whose primary group its own group is, is asked at once of the group on record; of a group of somebody else it never is", () => {
  const hostGroup = { objectGUID: "h", objectSID: "S-1-5-21-1-2-3-1105" };
  const askedFor = (kind: "HostGroup" | undefined): readonly string[] =>
    asked(desired({}, { observedGeneration: 1, hostGroup, ownedObjects: kind ? [{ objectGUID: "h", kind }] : [] })).flat();
  expect(askedFor("HostGroup").filter((lookup) => lookup.startsWith("primaryGroupID="))).toEqual(["primaryGroupID=1105"]);
  expect(askedFor(undefined).filter((lookup) => lookup.startsWith("primaryGroupID="))).toEqual([]);
  const own = directoryObject({
    distinguishedName: `CN=itfarm1Hosts,CN=Managed Service Accounts,${BASE}`,
    samAccountName: "itfarm1Hosts",
    objectClass: GROUP_CLASS,
    owner: desired().owner,
    ...hostGroup,
  });
  const wanted = desired({}, { observedGeneration: 1, hostGroup, ownedObjects: [{ objectGUID: "h", kind: "HostGroup" }] });
  // Seen, it is not asked a second time.
  expect(
    asked(wanted, [own])
      .flat()
      .filter((lookup) => lookup === "primaryGroupID=1105"),
  ).toHaveLength(1);
});

test("what has the farm's marker is its own on record, or where the farm creates such; at its end everything that has it", () => {
  const wanted = desired();
  const { owner } = wanted;
  const marked = (name: string, container: string, fields: Partial<DirectoryObject> = {}): DirectoryObject =>
    directoryObject({
      distinguishedName: `CN=${name},${container},${BASE}`,
      samAccountName: name,
      objectClass: GROUP_CLASS,
      owner,
      ...fields,
    });
  const objects = [marked("itfarm1Hosts", "OU=Farms"), marked("copy", "OU=Else"), marked("deeper", "OU=X,OU=Farms")];
  const owners = (farm: typeof wanted, seen: readonly DirectoryObject[], scope: "Names" | "Owned" = "Names"): readonly unknown[] =>
    answerAll(look(farm, { scope, absenceReliable: true }), ({ among }) => (among === "Objects" ? seen : [])).result.objects.map(
      (object) => object.owner === owner,
    );
  expect(owners(wanted, objects)).toEqual([true, false, false]);
  expect(owners(wanted, objects, "Owned")).toEqual([true, true, true]);
  const [, copy] = objects;
  const known = { observedGeneration: 1, ownedObjects: [{ objectGUID: copy?.objectGUID ?? "", kind: "HostGroup" as const }] };
  expect(owners(desired({}, known), objects)).toEqual([true, true, false]);
  // An account that it may have adopted a moment ago, wherever that is.
  const account = [marked("itfarm1$", "OU=Else", { objectClass: ACCOUNT_CLASS })];
  expect(owners(wanted, account)).toEqual([false]);
  expect(owners(desired({ adoptionPolicy: "Unowned" }), account)).toEqual([true]);
});
