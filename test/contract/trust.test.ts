/** Who may do and get what in a directory, as the operator's account and the hosts see it. On the sandbox: in both of its dialects. */
import { Attribute, type Client, type Entry, type SearchOptions } from "ldapts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeRetrievers } from "../../src/directory/entries.ts";
import { decodeGuid, decodeSid, relativeId } from "../../src/names/identifier.ts";
import { childDn } from "../../src/names/distinguished-name.ts";
import { DELEGATED, delegate } from "../harness/delegation.ts";
import { addComputer, addUser, BASE, change } from "../harness/directory.ts";
import { SandboxDirectory } from "../harness/sandbox-directory.ts";
import { available, directory, onSandbox } from "../harness/world.ts";

const servers = onSandbox ? [directory, await SandboxDirectory.create({ dialect: "Samba" })] : [directory];
const FARMS = `OU=Farms,${BASE}`;
const STEP = 360_000_000_000n;

describe.skipIf(!available).each(servers)("trust in $name, as $dialect", (ad) => {
  const samba = ad.dialect === "Samba";
  const made: string[] = [];
  const host = (name: string): string => `CN=${name},CN=Computers,${BASE}`;
  const asDelegated = <T>(use: (client: Client) => Promise<T>): Promise<T> => ad.as(DELEGATED, use);
  const refusal = (code: number, text: string): object => ({ code, message: expect.stringContaining(text) });
  const refused = (code: number, text: string): unknown => expect.objectContaining(refusal(code, text));
  /** Undefined where it was done. */
  const outcome = (attempt: Promise<unknown>): Promise<unknown> =>
    attempt.then(
      () => undefined,
      (error: unknown) => error,
    );

  beforeAll(async () => {
    await delegate(ad);
  });

  afterAll(async () => {
    for (const dn of made.toReversed()) {
      await ad
        .asAdministrator((client) => client.del(dn))
        .catch((error: unknown) => {
          if (!(typeof error === "object" && error !== null && "code" in error && error.code === 32)) throw error;
        });
    }
    if (ad !== directory) await ad.stop();
  });

  async function group(name: string, ...member: readonly string[]): Promise<string> {
    const dn = childDn(name, FARMS);
    await ad.asAdministrator((client) =>
      client.add(dn, { objectClass: "group", sAMAccountName: name, ...(member.length > 0 ? { member: [...member] } : {}) }),
    );
    made.push(dn);
    return dn;
  }

  /** Created by the operator's account. */
  async function account(name: string, names: readonly string[] = [], retrievers?: Buffer, interval = "30"): Promise<string> {
    const dn = childDn(name, FARMS);
    const text = {
      objectClass: "msDS-GroupManagedServiceAccount",
      sAMAccountName: `${name}$`,
      userAccountControl: "4096",
      "msDS-ManagedPasswordInterval": interval,
    };
    await asDelegated((client) =>
      client.add(dn, [
        ...Object.entries(text).map(([type, value]) => new Attribute({ type, values: [value] })),
        ...(names.length > 0 ? [new Attribute({ type: "servicePrincipalName", values: [...names] })] : []),
        ...(retrievers ? [new Attribute({ type: "msDS-GroupMSAMembership", values: [retrievers] })] : []),
      ]),
    );
    made.push(dn);
    return dn;
  }

  const read = async (dn: string, ...attributes: readonly string[]) =>
    (await ad.search("(objectClass=*)", attributes, { scope: "base" }, dn))[0];
  /** What the operator's account finds. */
  const seen = (base: string, attributes: readonly string[], options: SearchOptions = { scope: "base" }): Promise<readonly Entry[]> =>
    asDelegated(
      async (client) =>
        (await client.search(base, { attributes: [...attributes], explicitBufferAttributes: [...attributes], ...options })).searchEntries,
    );
  const text = async (dn: string, attribute: string): Promise<string> => String((await read(dn, attribute))?.[attribute]);
  const values = async (dn: string, attribute: string): Promise<readonly string[]> =>
    [(await read(dn, attribute))?.[attribute] ?? []].flat().map(String).toSorted();

  async function sid(dn: string): Promise<string> {
    const value = (await read(dn, "objectSid"))?.["objectSid"];
    if (!Buffer.isBuffer(value)) throw new Error(`${dn} has no SID`);
    return decodeSid(value);
  }
  const rid = async (dn: string): Promise<string> => String(relativeId(await sid(dn)));

  test("accounts have a primary group from their first day, and may not choose it then", async () => {
    expect(await text(host("WEB01"), "primaryGroupID")).toBe("515");
    expect(await text(await account("firstday"), "primaryGroupID")).toBe("515");
    expect(await text(`CN=svc-farms,CN=Users,${BASE}`, "primaryGroupID")).toBe("513");
    await expect(ad.asAdministrator((client) => addComputer(client, "CHOSEN", { primaryGroupID: "515" }))).rejects.toMatchObject(
      refusal(53, samba ? "00002035: The primary group isn't settable on add operations!" : "WILL_NOT_PERFORM"),
    );
  });

  test("a primary group takes the place of the member value, gives the right, and cannot be deleted", async () => {
    const hosts = await group("PrimaryHosts");
    const id = await rid(hosts);
    const farm = await account("primary", [], encodeRetrievers([await sid(hosts)]));
    const set = (value: string): Promise<void> => ad.modify(host("WEB03"), "replace", "primaryGroupID", [value]);
    await expect(set(id)).rejects.toMatchObject({ code: 53 });
    await expect(set("99999")).rejects.toMatchObject({ code: 53 });
    await expect(ad.modify(host("WEB03"), "delete", "primaryGroupID", [])).rejects.toMatchObject({ code: 53 });
    expect(await ad.retrieves("WEB03", farm)).toBe(false);
    await ad.modify(hosts, "add", "member", [host("WEB03")]);
    const before = await Promise.all([hosts, host("WEB03")].map((dn) => text(dn, "uSNChanged")));
    await set(id);
    const after = await Promise.all([hosts, host("WEB03")].map((dn) => text(dn, "uSNChanged")));
    expect(after.every((usn, index) => BigInt(usn) > BigInt(before[index] ?? ""))).toBe(true);
    expect(await values(hosts, "member")).toEqual([]);
    expect(await values(host("WEB03"), "memberOf")).toEqual([`CN=Domain Computers,CN=Users,${BASE}`]);
    expect((await ad.search(`(&(primaryGroupID=${id})(objectClass=computer))`, ["cn"])).map(({ dn }) => dn)).toEqual([host("WEB03")]);
    expect(await ad.retrieves("WEB03", farm)).toBe(true);
    for (const operation of ["add", "replace"] as const) {
      await expect(
        asDelegated((client) => client.modify(hosts, change(operation, "member", [host("WEB05"), host("WEB03")]))),
      ).rejects.toMatchObject(
        refusal(68, samba ? `00002071: samldb: member ${host("WEB03")} already set via primaryGroupID ${id}` : "00000562"),
      );
    }
    expect(await values(hosts, "member")).toEqual([]);
    await expect(asDelegated((client) => client.del(hosts))).rejects.toMatchObject(
      samba ? refusal(68, `00002071: Refusing to delete ${hosts}, as it is still the primaryGroupID for 1 users`) : refusal(53, "0000055E"),
    );
    await set("515");
    expect(await values(hosts, "member")).toEqual([host("WEB03")]);
    expect(await values(host("WEB03"), "memberOf")).toEqual([hosts]);
    await asDelegated((client) => client.del(hosts));
    expect(await ad.retrieves("WEB03", farm)).toBe(false);
  });

  test("the mappings of service names are readable", async () => {
    const [entry] = await seen(`CN=Directory Service,CN=Windows NT,CN=Services,CN=Configuration,${BASE}`, ["sPNMappings"]);
    expect(String(entry?.["sPNMappings"])).toMatch(/^host=.*\bcifs\b.*\bhttp\b/);
  });

  const names = async (dn: string): Promise<readonly string[]> => values(dn, "servicePrincipalName");
  const add = (dn: string, ...list: readonly string[]): Promise<void> =>
    asDelegated((client) => client.modify(dn, change("add", "servicePrincipalName", list)));

  test("what a HOST name of another's implies is refused, to an administrator it is not", async () => {
    await ad.modify(host("WEB06"), "add", "servicePrincipalName", ["HOST/alias1.contoso.com"]);
    const farm = await account("aliases");
    const implied = (name: string): object =>
      samba ? refusal(50, `samldb: spn[${name}] would cause a conflict`) : refusal(19, "000021C7");
    for (const name of ["http/alias1.contoso.com", "CIFS/ALIAS1.contoso.com"]) {
      await expect(add(farm, name), name).rejects.toMatchObject(implied(name));
      await expect(add(farm, "http/free1", name), name).rejects.toMatchObject(implied(name));
      await expect(account("aliases2", ["http/free1", name]), name).rejects.toMatchObject(implied(name));
    }
    for (const name of ["ldap/alias1.contoso.com", "http/alias1.contoso.com:8080", "cifs/alias1.contoso.com/x"]) await add(farm, name);
    await expect(add(farm, "host/ALIAS1.contoso.com")).rejects.toMatchObject(
      refusal(19, samba ? "0000202F: samldb: spn[host/ALIAS1.contoso.com] would cause a conflict" : "000021C7"),
    );
    await ad.modify(farm, "add", "servicePrincipalName", ["http/alias1.contoso.com"]);
    await expect(ad.modify(farm, "add", "servicePrincipalName", ["HOST/alias1.contoso.com"])).rejects.toMatchObject({ code: 19 });
    expect(await names(farm)).toContain("http/alias1.contoso.com");
    expect((await ad.search("(servicePrincipalName=HTTP/Alias1.CONTOSO.com)", ["cn"])).map(({ dn }) => dn)).toEqual([farm]);
    await ad.modify(host("WEB06"), "delete", "servicePrincipalName", ["HOST/alias1.contoso.com"]);
  });

  test("a HOST name that takes another's is refused", async () => {
    await ad.modify(host("WEB06"), "add", "servicePrincipalName", ["http/alias2.contoso.com"]);
    const farm = await account("taker");
    const text = samba ? "error in module samldb: Constraint violation during LDB_" : "000021C7";
    await expect(add(farm, "HOST/alias2.contoso.com")).rejects.toMatchObject(refusal(19, text));
    await expect(account("taker2", ["HOST/alias2.contoso.com"])).rejects.toMatchObject(refusal(19, text));
    const administrator = ad.modify(farm, "add", "servicePrincipalName", ["HOST/alias2.contoso.com"]);
    expect(await outcome(administrator)).toEqual(samba ? refused(19, text) : undefined);
    await add(farm, "cifs/alias2.contoso.com");
    await ad.modify(host("WEB06"), "delete", "servicePrincipalName", ["http/alias2.contoso.com"]);
  });

  test("Samba lets those take what a name implies who may write the names of its holder", async () => {
    const holder = await account("holder", ["HOST/alias3.contoso.com"]);
    const farm = await account("owner");
    expect(await outcome(add(farm, "www/alias3.contoso.com"))).toEqual(samba ? undefined : refused(19, "000021C7"));
    await add(holder, "cifs/alias3.contoso.com");
  });

  test("Samba looks at the first change of the names in a modify, and at no other", async () => {
    await ad.modify(host("WEB06"), "add", "servicePrincipalName", ["HOST/mixed.contoso.com"]);
    const farm = await account("mixed", ["http/m1"]);
    const [remove, addition] = [
      change("delete", "servicePrincipalName", ["http/m1"]),
      change("add", "servicePrincipalName", ["HOST/mixed.contoso.com", "cifs/mixed.contoso.com"]),
    ];
    await expect(asDelegated((client) => client.modify(farm, [addition, remove]))).rejects.toMatchObject({ code: 19 });
    expect(await names(farm)).toEqual(["http/m1"]);
    for (const first of [remove, change("add", "servicePrincipalName", ["http/m2"])]) {
      const mixed = asDelegated((client) => client.modify(farm, [first, addition]));
      expect(await outcome(mixed)).toEqual(samba ? undefined : refused(19, "000021C7"));
      if (samba) expect(await names(farm)).toContain("HOST/mixed.contoso.com");
      await asDelegated((client) => client.modify(farm, change("replace", "servicePrincipalName", ["http/m1"])));
    }
    await expect(
      asDelegated((client) => client.modify(farm, change("replace", "servicePrincipalName", ["cifs/mixed.contoso.com"]))),
    ).rejects.toMatchObject({ code: samba ? 50 : 19 });
    await ad.modify(host("WEB06"), "delete", "servicePrincipalName", ["HOST/mixed.contoso.com"]);
  });

  test("a computer that an ordinary user made bears that user's SID, and others do not", async () => {
    const user = { username: "joiner@contoso.com", password: "Join-Secret-1!" };
    const dn = await ad.asAdministrator((client) => addUser(client, "joiner", user.password));
    made.push(dn);
    expect(await text(BASE, "ms-DS-MachineAccountQuota")).toBe("10");
    const joined = await ad.selfJoin(user, "SQUAT01");
    made.push(joined);
    // The domain is shared with other tests: SQUAT01 is this one's, and WEB01 the administrator's.
    const either = "(|(sAMAccountName=SQUAT01$)(sAMAccountName=WEB01$))";
    const found = await seen(BASE, ["mS-DS-CreatorSID"], { filter: `(&(mS-DS-CreatorSID=*)${either})` });
    expect(found.map((entry) => [entry.dn, Buffer.isBuffer(entry["mS-DS-CreatorSID"]) && decodeSid(entry["mS-DS-CreatorSID"])])).toEqual([
      [joined, await sid(dn)],
    ]);
    await expect(ad.modify(joined, "delete", "mS-DS-CreatorSID", [])).rejects.toMatchObject({ code: 19 });
    const more = (name: string): Promise<string> => ad.as(user, (client) => addComputer(client, name));
    await expect(ad.as(user, (client) => client.add(childDn("ELSEWHERE", FARMS), { objectClass: "computer" }))).rejects.toMatchObject({
      code: 50,
    });
    if (samba) {
      await expect(more("SQUAT02")).rejects.toMatchObject(refusal(50, `acl: unable to get access to ${host("SQUAT02")}`));
      return;
    }
    for (let index = 2; index <= 10; index++) {
      await more(`SQUAT${index}`);
      made.push(host(`SQUAT${index}`));
    }
    await expect(more("SQUAT11")).rejects.toMatchObject(refusal(53, "0000216D"));
  });

  test("an account with something below it is not deleted", async () => {
    const farm = await account("parent");
    await expect(ad.asAdministrator((client) => client.add(`CN=x,${farm}`, { objectClass: "container" }))).rejects.toMatchObject({
      code: 64,
    });
    const child = `CN=point,${farm}`;
    await ad.asAdministrator((client) => client.add(child, { objectClass: "serviceConnectionPoint" }));
    made.push(child);
    await expect(asDelegated((client) => client.del(farm))).rejects.toMatchObject(
      refusal(66, samba ? "00002015: subtree_delete: Unable to delete a non-leaf node (it has 1 children)!" : "CANT_ON_NON_LEAF"),
    );
    const below = await seen(farm, ["cn"], { scope: "one" });
    expect(below.map(({ dn }) => dn)).toEqual([child]);
  });

  test("nested groups, Everyone and Authenticated Users give the right, and an entry that denies keeps out", async () => {
    const inner = await group("InnerHosts", host("WEB05"));
    const outer = await group("OuterHosts", inner);
    const [nested, keptOut, web04] = [await sid(outer), await sid(host("WEB05")), await sid(host("WEB04"))];
    for (const [allowed, denied, expected] of [
      [[nested], [], [false, true]],
      [[nested], [keptOut], [false, false]],
      [[web04, nested], [await sid(inner)], [true, false]],
      [["S-1-1-0"], [], [true, true]],
      [["S-1-5-11"], [keptOut], [true, false]],
      [[], [], [false, false]],
    ] as const) {
      const farm = await account("nesting", [], encodeRetrievers(allowed, denied));
      const got = [await ad.retrieves("WEB04", farm), await ad.retrieves("WEB05", farm)];
      expect(got, JSON.stringify([allowed, denied])).toEqual(expected);
      await asDelegated((client) => client.del(farm));
    }
  });

  test("the password's change is on the grid that its key's identifier tells", async () => {
    for (const days of [1, 30]) {
      const farm = await account(`grid${days}`, [], encodeRetrievers(["S-1-5-11"]), String(days));
      const [entry] = await seen(farm, ["msDS-ManagedPasswordId"]);
      const id = entry?.["msDS-ManagedPasswordId"];
      if (!Buffer.isBuffer(id)) throw new Error("no identifier");
      expect([id.readUInt32LE(0), id.toString("latin1", 4, 8), id.readUInt32LE(8), id.readUInt32LE(40)]).toEqual([1, "KDSK", 2, 0]);
      expect([id.readUInt32LE(44), id.readUInt32LE(48), id.toString("utf16le", 52)]).toEqual([24, 24, "contoso.com\0contoso.com\0"]);
      const step = BigInt((id.readUInt32LE(12) * 32 + id.readUInt32LE(16)) * 32 + id.readUInt32LE(20));
      const now = (BigInt(Date.now()) + 11_644_473_600_000n) * 10_000n;
      expect(now / STEP - step).toBeLessThanOrEqual(1n);
      const blob = await ad.managedPassword("WEB04", farm);
      if (!blob) throw new Error("no password");
      expect([0, 2, 8, 10, 12, 14].map((offset) => blob.readUInt16LE(offset))).toEqual([1, 0, 16, 0, 274, 282]);
      expect([blob.readUInt32LE(4), blob.length]).toEqual([290, 290]);
      const [query, unchanged] = [blob.readBigUInt64LE(274), blob.readBigInt64LE(282)];
      expect(query - unchanged).toBe(3_000_000_000n);
      const change = (step + BigInt(Math.floor((days * 24) / 10))) * STEP;
      expect(Math.abs(Number(change - now - query)) / 1e7).toBeLessThan(120);
      expect((await ad.managedPassword("WEB05", farm))?.subarray(16, 274)).toEqual(blob.subarray(16, 274));
    }
  });

  test("what is moved or renamed stays what it is, and groups follow without a change of their own", async () => {
    const dn = await ad.asAdministrator((client) => addComputer(client, "MOVED"));
    const ou = `OU=TrustElsewhere,${BASE}`;
    await ad.asAdministrator((client) => client.add(ou, { objectClass: "organizationalUnit" }));
    made.push(ou);
    const hosts = await group("MovedHosts", dn);
    const identity = async (name: string) => {
      const entry = await read(name, "objectGUID", "objectSid");
      return [entry?.["objectGUID"], entry?.["objectSid"]];
    };
    const [before, groupUsn] = [await identity(dn), await text(hosts, "uSNChanged")];
    const guid = Buffer.isBuffer(before[0]) ? decodeGuid(before[0]) : "";
    await expect(asDelegated((client) => client.modifyDN(dn, `CN=MOVED,${FARMS}`))).rejects.toMatchObject({ code: 50 });
    let [from, usn] = [dn, BigInt(await text(dn, "uSNChanged"))];
    for (const to of [`CN=MOVED,${ou}`, `CN=RENAMED,${ou}`]) {
      await ad.asAdministrator((client) => client.modifyDN(from, to));
      expect(await identity(to)).toEqual(before);
      expect([await values(hosts, "member"), await values(to, "memberOf")]).toEqual([[to], [hosts]]);
      const raised = BigInt(await text(to, "uSNChanged"));
      expect(raised).toBeGreaterThan(usn);
      [from, usn] = [to, raised];
      const byGuid = await seen(`<GUID=${guid}>`, ["cn"]);
      expect(byGuid.map((entry) => entry.dn)).toEqual([to]);
      const filter = `(&(memberOf=${hosts})(|(sAMAccountName=MOVED$)(sAMAccountName=WEB04$)))`;
      const inGroup = await seen(BASE, ["cn"], { filter });
      expect(inGroup.map((entry) => entry.dn)).toEqual([to]);
    }
    made.push(from);
    await ad.asAdministrator((client) => client.modifyDN(ou, `OU=Renamed,${BASE}`));
    made.splice(made.indexOf(ou), 1, `OU=Renamed,${BASE}`);
    made.splice(made.indexOf(from), 1, `CN=RENAMED,OU=Renamed,${BASE}`);
    expect(await values(hosts, "member")).toEqual([`CN=RENAMED,OU=Renamed,${BASE}`]);
    expect(await text(`CN=RENAMED,OU=Renamed,${BASE}`, "uSNChanged")).toBe(String(usn));
    expect(await text(hosts, "uSNChanged")).toBe(groupUsn);
  });

  test("protection from deletion needs the container's entry too, and then holds for everybody", async () => {
    const [own, containers] = ["(D;;SDDT;;;S-1-1-0)", "(D;;DC;;;S-1-1-0)"];
    const once = await account("protected");
    await ad.grant(once, own);
    await asDelegated((client) => client.del(once));
    const farm = await account("protected");
    await ad.grant(farm, own);
    await ad.grant(FARMS, containers);
    const kept = refusal(50, samba ? `dsdb_access: Access check failed on ${FARMS}` : "INSUFF_ACCESS_RIGHTS");
    try {
      await expect(asDelegated((client) => client.del(farm))).rejects.toMatchObject(kept);
      await expect(ad.asAdministrator((client) => client.del(farm))).rejects.toMatchObject(kept);
      await asDelegated((client) => client.modify(farm, change("replace", "description", ["still writable"])));
    } finally {
      await ad.revoke(FARMS, containers);
    }
    await asDelegated((client) => client.del(farm));
  });

  test("adminCount is readable, and is not the operator's to clear", async () => {
    const farm = await account("leftbehind");
    await ad.modify(farm, "replace", "adminCount", ["1"]);
    const [entry] = await seen(farm, ["adminCount"]);
    expect(String(entry?.["adminCount"])).toBe("1");
    await expect(asDelegated((client) => client.modify(farm, change("delete", "adminCount", [])))).rejects.toMatchObject({ code: 50 });
    await ad.modify(farm, "delete", "adminCount", []);
  });
});
