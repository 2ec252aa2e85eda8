/** What is kept of a copy. */
import { describe, expect, test } from "vitest";
import {
  ACCOUNT_GUID,
  accountKey,
  accountKeysOf,
  FARM_OF,
  FARM_UID,
  farmOf,
  type FoundObject,
  keptOf,
} from "../../src/credential-spec/objects.ts";
import { isAsWanted } from "../../src/credential-spec/plan.ts";
import { wishOf } from "../../src/credential-spec/wanted.ts";
import { DOMAIN, farmWith, made, wantedOf } from "./cases.ts";

const FARM = farmWith(
  {
    serviceAccounts: Array.from({ length: 100 }, (_, index) => `${"x".repeat(240)}-${index}`),
    hostAccount: "eks-web",
  },
  { observedGeneration: 1, account: { objectGUID: "0d5e2b76-3c5a-4c5e-9a7e-6b1c2d3e4f50" } },
);
const KINDS = ["GMSACredentialSpec", "Role", "RoleBinding"] as const;
const sizeOf = (object: FoundObject): number => JSON.stringify(object).length;
const FULL = "x".repeat(1_000_000);

describe.each(KINDS)("what is kept of a copy of a %s", (kind) => {
  const found = made(wantedOf(FARM)[kind]);
  const named = (name: string): FoundObject => ({ ...found, metadata: { ...found.metadata, name } });

  test("shows whether it is as wanted, for the longest list", () => {
    const kept = keptOf(kind, found);
    expect(isAsWanted(wishOf(FARM, DOMAIN), kind, kept)).toBe(true);
    expect(kept.metadata).toMatchObject({ uid: found.metadata.uid, resourceVersion: "7" });
  });

  test("has nothing of what others put into its metadata", () => {
    const metadata = { ...found.metadata, annotations: { ...found.metadata.annotations, note: FULL }, finalizers: [FULL], selfLink: FULL };
    const kept = keptOf(kind, { ...found, metadata });
    expect(sizeOf(kept)).toBeLessThan(100_000);
    expect(kept).toEqual(keptOf(kind, found));
  });

  test.each([
    ["rules", { rules: [{ verbs: [FULL] }] }],
    ["subjects", { subjects: Array.from({ length: 10_000 }, () => ({ kind: "User", name: "x".repeat(100) })) }],
    ["references", { metadata: { ...found.metadata, ownerReferences: [{ kind: "Other", name: FULL }] } }],
  ])("is no more than that it is there, where it is filled: %s", (_, more) => {
    const kept = keptOf(kind, { ...found, ...more });
    expect(sizeOf(kept)).toBeLessThan(1000);
    expect(farmOf(kept)).toBe("web/itfarm1");
    expect(isAsWanted(wishOf(FARM, DOMAIN), kind, kept)).toBe(false);
  });

  test("is no more than that it is there, where it is not in its farm's place", () => {
    const kept = keptOf(kind, named("another"));
    expect(sizeOf(kept)).toBeLessThan(300);
    expect(farmOf(kept)).toBeUndefined();
    const labels = { [FARM_UID]: "uid-1" };
    expect(sizeOf(keptOf(kind, { ...found, metadata: { ...found.metadata, labels, annotations: { [FARM_OF]: FULL } } }))).toBeLessThan(300);
  });
});

describe("the account that a credential spec is of", () => {
  const spec = made(wantedOf(FARM).GMSACredentialSpec);

  test("is kept by its objectGUID, and nothing that is longer", () => {
    const annotated = (guid: string) => ({
      ...spec,
      metadata: { ...spec.metadata, annotations: { ...spec.metadata.annotations, [ACCOUNT_GUID]: guid } },
    });
    expect(keptOf("GMSACredentialSpec", spec).metadata.annotations).toEqual(spec.metadata.annotations);
    expect(spec.metadata.annotations).toHaveProperty([ACCOUNT_GUID]);
    expect(keptOf("GMSACredentialSpec", annotated(FULL)).metadata.annotations).toEqual({ [FARM_OF]: "web/itfarm1" });
  });

  test("is found by its name and domain in any case", () => {
    expect([...accountKeysOf(spec)]).toEqual([accountKey({ samAccountName: "ITFARM1", dnsName: "EMEA.contoso.com" })]);
  });

  test.each([
    [
      "one that names several",
      { DomainJoinConfig: { DnsName: "d" }, ActiveDirectoryConfig: { GroupManagedServiceAccounts: [{ Name: "a" }, { Name: "b" }, {}] } },
      ["d\\a", "d\\b"],
    ],
    ["one without a domain", { DomainJoinConfig: { MachineAccountName: "a" } }, []],
    ["no text", { DomainJoinConfig: { DnsName: 1, MachineAccountName: ["a"] } }, []],
    ["nothing", undefined, []],
  ])("%s", (_, credspec, keys) => {
    expect([...accountKeysOf({ ...spec, credspec })]).toEqual(keys);
  });
});
