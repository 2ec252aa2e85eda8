/** What is kept of a copy. */
import { describe, expect, test } from "vitest";
import { FARM_OF, FARM_UID, farmOf, type FoundObject, keptOf } from "../../src/credential-spec/objects.ts";
import { isAsWanted } from "../../src/credential-spec/plan.ts";
import { wishOf } from "../../src/credential-spec/wanted.ts";
import { DOMAIN, farmWith, made, wantedOf } from "./cases.ts";

const FARM = farmWith({
  serviceAccounts: Array.from({ length: 100 }, (_, index) => `${"x".repeat(240)}-${index}`),
  hostAccount: "eks-web",
});
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
