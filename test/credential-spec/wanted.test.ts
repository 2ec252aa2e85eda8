import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { credentialSpecName, placeOf } from "../../src/credential-spec/objects.ts";
import { wishOf } from "../../src/credential-spec/wanted.ts";
import { DOMAIN, farmWith, HOST_ACCOUNT, wantedOf } from "./cases.ts";

/** Names as Kubernetes lets namespaces and farms have them. */
const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?$/);
const farmName = fc.array(label, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("."));

describe("what a farm wants for Pods", () => {
  test("every leaf of the credential spec", () => {
    expect(wantedOf(farmWith({})).GMSACredentialSpec.body).toStrictEqual({
      credspec: {
        CmsPlugins: ["ActiveDirectory"],
        DomainJoinConfig: {
          Sid: "S-1-5-21-1-2-3",
          Guid: "244818ae-87ac-4fcd-92ec-e79e5252348a",
          MachineAccountName: "itfarm1",
          DnsName: "emea.contoso.com",
          DnsTreeName: "contoso.com",
          NetBiosName: "EMEA",
        },
        ActiveDirectoryConfig: {
          GroupManagedServiceAccounts: [
            { Name: "itfarm1", Scope: "emea.contoso.com" },
            { Name: "itfarm1", Scope: "EMEA" },
          ],
        },
      },
    });
  });

  test("the settings of the plug-in stand inside ActiveDirectoryConfig, the input as text", () => {
    expect(wantedOf(farmWith({ hostAccount: "eks-web" })).GMSACredentialSpec.body).toMatchObject({
      credspec: {
        ActiveDirectoryConfig: {
          HostAccountConfig: { PortableCcgVersion: "1", PluginGUID: HOST_ACCOUNT.pluginGUID, PluginInput: '{"a":1}' },
        },
      },
    });
  });

  test("the account is called as its sAMAccountName, not as the farm", () => {
    const farm = farmWith({});
    const other = { ...farm, spec: { ...farm.spec, account: { ...farm.spec.account, name: "Other", samAccountName: "othersam" } } };
    expect(JSON.stringify(wantedOf(other).GMSACredentialSpec.body)).toContain('"MachineAccountName":"othersam"');
    expect(JSON.stringify(wantedOf(other).GMSACredentialSpec.body)).not.toContain("itfarm1");
  });

  test("a role for that one spec, bound to these ServiceAccounts of the farm's namespace", () => {
    const { Role, RoleBinding, ConfigMap } = wantedOf(farmWith({ serviceAccounts: ["web", "worker"] }));
    expect(Role).toMatchObject({ namespace: "web", name: "itfarm1-credential-spec" });
    expect(Role.body).toStrictEqual({
      rules: [{ apiGroups: ["windows.k8s.io"], resources: ["gmsacredentialspecs"], resourceNames: ["web.itfarm1"], verbs: ["use"] }],
    });
    expect(RoleBinding.body).toStrictEqual({
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "itfarm1-credential-spec" },
      subjects: [
        { kind: "ServiceAccount", name: "web", namespace: "web" },
        { kind: "ServiceAccount", name: "worker", namespace: "web" },
      ],
    });
    expect(ConfigMap).toBeUndefined();
  });

  test("what is in the namespace is owned by the farm; the spec of the cluster bears its names", () => {
    const { GMSACredentialSpec, Role, RoleBinding } = wantedOf(farmWith({}));
    const owner = { apiVersion: "serverfarm.dev/v1alpha1", kind: "ServerFarm", name: "itfarm1", uid: "uid-1", controller: true };
    for (const { ownerReferences } of [Role, RoleBinding]) expect(ownerReferences).toStrictEqual([owner]);
    expect(GMSACredentialSpec.ownerReferences).toEqual([]);
    expect(GMSACredentialSpec.namespace).toBeUndefined();
    for (const { labels, annotations } of [GMSACredentialSpec, Role, RoleBinding]) {
      expect(labels).toStrictEqual({ "serverfarm.dev/farm-uid": "uid-1" });
      expect(annotations).toStrictEqual({ "serverfarm.dev/farm": "web/itfarm1" });
    }
  });

  test("a ConfigMap has the same JSON", () => {
    const { ConfigMap, GMSACredentialSpec } = wantedOf(farmWith({ configMap: true }));
    expect(ConfigMap?.body).toStrictEqual({ data: { "credspec.json": JSON.stringify(GMSACredentialSpec.body["credspec"]) } });
  });

  test("nothing without spec.pods", () => {
    expect(wishOf(farmWith(undefined), DOMAIN)).toEqual({ kind: "Nothing" });
  });

  test.each(["domainSID", "objectGUID", "netBIOSName", "forestDNSName"] as const)(
    "nothing whole is wanted while %s is not known",
    (field) => {
      const wish = wishOf(farmWith({}), { ...DOMAIN, identity: { ...DOMAIN.identity, [field]: undefined } });
      expect(wish).toMatchObject({
        kind: "Blocked",
        blocker: { reason: "DomainNotReady" },
        wanted: { RoleBinding: { kind: "RoleBinding" } },
      });
    },
  );

  test("nothing whole is wanted of a host account that the domain does not list", () => {
    const wish = wishOf(farmWith({ hostAccount: "aks-web" }), DOMAIN);
    expect(wish).toMatchObject({
      kind: "Blocked",
      blocker: { reason: "HostAccountNotFound", message: expect.stringContaining("no entry aks-web") },
    });
  });
});

describe("names", () => {
  test("two farms never have the same spec, nor the same of anything else", () => {
    fc.assert(
      fc.property(label, farmName, label, farmName, (namespace, name, otherNamespace, otherName) => {
        const [one, other] = [
          { namespace, name },
          { namespace: otherNamespace, name: otherName },
        ];
        const isSame = namespace === otherNamespace && name === otherName;
        expect(credentialSpecName(one) === credentialSpecName(other)).toBe(isSame);
        expect(JSON.stringify(placeOf("Role", one)) === JSON.stringify(placeOf("Role", other))).toBe(isSame);
      }),
    );
    // As close as it gets.
    expect(credentialSpecName({ namespace: "a", name: "b.c" })).not.toBe(credentialSpecName({ namespace: "a-b", name: "c" }));
  });

  test("the longest ones are names", () => {
    const longest = { namespace: "n".repeat(63), name: "f".repeat(63) };
    for (const kind of ["GMSACredentialSpec", "Role", "RoleBinding", "ConfigMap"] as const)
      expect(placeOf(kind, longest).name.length).toBeLessThanOrEqual(253);
  });
});
