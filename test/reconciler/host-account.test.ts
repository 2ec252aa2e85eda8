/** The user of pods.hostAccount in a directory that answers what it is asked and nothing else: whoever must lose the right loses it, at last. */
import { describe, expect, test } from "vitest";
import { DirectoryError } from "../../src/ad/error.ts";
import { type DirectoryObject, isAccount, isGroup } from "../../src/ad/object.ts";
import type { ServerFarm, ServerFarmStatus } from "../../src/api/generated/server-farm.ts";
import { encodeRetrievers } from "../../src/directory/entries.ts";
import { desiredFarm } from "../../src/farm/desired.ts";
import { reconcileFarm } from "../../src/reconciler/farm.ts";
import { reconcileFrozen } from "../../src/reconciler/frozen.ts";
import type { FarmPorts } from "../../src/reconciler/work.ts";
import { AskedDirectory } from "../farm/asked-directory.ts";
import { BASE, CLUSTER, computer, directoryObject, FACTS, farm } from "../farm/simulation.ts";
import { mayRetrieve } from "../sandbox/directory/access.ts";
import { tokenOf } from "./tokens.ts";

const signal = new AbortController().signal;
const [WEB, OTHER] = ["svc-web", "svc.other"].map((name) =>
  directoryObject({
    distinguishedName: `CN=${name},CN=Users,${BASE}`,
    objectClass: "user",
    samAccountName: name,
    userAccountControl: 512,
  }),
);
if (!WEB || !OTHER) throw new Error("two were made");

/** What a farm's owner and the domain's owner say. */
interface Manifests {
  readonly hostAccount?: string;
  readonly accounts?: Readonly<Record<string, string>>;
  readonly hosts?: object;
}

class Case {
  readonly directory: AskedDirectory;
  status: ServerFarmStatus | undefined;

  constructor() {
    const shared = directoryObject({ distinguishedName: `CN=Shared,${BASE}`, objectClass: "group", samAccountName: "Shared" });
    this.directory = new AskedDirectory([shared, ...[WEB, OTHER].flatMap((user) => user ?? [])], [computer("WEB01")]);
  }

  #farm({ hostAccount, hosts = {} }: Manifests): ServerFarm {
    const plain = farm({ hosts: { computers: ["WEB01"], ...hosts } }, this.status);
    const pods = { serviceAccounts: [], configMap: false };
    return hostAccount === undefined ? plain : { ...plain, spec: { ...plain.spec, pods: { ...pods, hostAccount } } };
  }

  get #ports(): FarmPorts {
    return {
      directory: this.directory,
      assertFresh: () => Promise.resolve(),
      record: (copy, status) => {
        this.status = status;
        return Promise.resolve({ ...copy, status });
      },
      now: () => new Date("2026-11-26T00:00:00Z"),
    };
  }

  /** By sAMAccountName, who can retrieve the password after a reconcile. */
  async reconcile(manifests: Manifests, how: "Allowed" | "Frozen" = "Allowed"): Promise<readonly string[]> {
    const resource = this.#farm(manifests);
    const podHostAccounts = Object.entries(manifests.accounts ?? { "eks-web": "svc-web" }).map(([name, user]) => ({ name, user }));
    const { desired } = desiredFarm(resource, { ...FACTS, podHostAccounts }, CLUSTER);
    const { end } =
      how === "Frozen"
        ? await reconcileFrozen(resource, desired, { kind: "NotAllowed", message: "no." }, this.#ports, signal)
        : await reconcileFarm(resource, desired, this.#ports, signal);
    if (end.kind !== "Looked") throw new Error(end.kind);
    this.status = end.status;
    return this.able;
  }

  get able(): readonly string[] {
    const { everything, lists, simulated } = this.directory;
    const list = lists.get(everything.find(isAccount)?.objectGUID ?? "");
    return everything
      .filter((one) => !isGroup(one) && list && mayRetrieve(list, tokenOf(one, simulated.objects)))
      .map(({ samAccountName = "" }) => samAccountName)
      .toSorted();
  }

  /** Nobody can be taken out. */
  stick(): void {
    this.directory.simulated.refuse = (change) =>
      "remove" in change && change.remove.length > 0 ? new DirectoryError("Unwilling", "not now") : undefined;
  }

  delete(user: DirectoryObject): void {
    const { simulated } = this.directory;
    simulated.objects = simulated.objects.filter(({ objectGUID }) => objectGUID !== user.objectGUID);
    this.directory.tombstones = [user];
  }

  loosen(): void {
    this.directory.simulated.refuse = () => undefined;
  }

  change(user: DirectoryObject, fields: Partial<DirectoryObject>): void {
    const { simulated } = this.directory;
    simulated.objects = simulated.objects.map((one) => (one.objectGUID === user.objectGUID ? { ...one, ...fields } : one));
  }
}

const NAMED: Manifests = { hostAccount: "eks-web" };
const GRANTS: readonly (readonly [string, object])[] = [
  ["a group of its own", {}],
  ["an existing group", { group: { name: "Shared", existing: true } }],
  ["the account's list", { grant: "Principals" }],
];
const WAYS: readonly (readonly [string, Manifests, readonly string[]])[] = [
  ["the farm names none any more", {}, []],
  ["the farm names another", { hostAccount: "new", accounts: { "eks-web": "svc-web", new: "svc.other" } }, ["svc.other"]],
  ["the entry means another", { hostAccount: "eks-web", accounts: { "eks-web": "svc.other" } }, ["svc.other"]],
];

describe.each(GRANTS)("a user that was quarantined by name, with %s", (_, hosts) => {
  test.each([undefined, "eks-web"])("is none of the computers that the entry of this name means later: %s", async (hostAccount) => {
    const one = new Case();
    const named = hostAccount === undefined ? {} : { hostAccount };
    await one.reconcile({ ...named, hostAccount: "nope", hosts: { ...hosts, quarantined: ["svc.other"] } });
    expect(one.status?.resolvedHosts).toContainEqual(expect.objectContaining({ objectGUID: OTHER.objectGUID }));
    for (const _again of [1, 2]) {
      const able = await one.reconcile({ ...named, hosts: { ...hosts, computers: ["WEB01", "svc.other"] } });
      expect(able).toEqual(["WEB01$", ...(hostAccount === undefined ? [] : ["svc-web"])]);
    }
    expect(one.status?.conditions).toContainEqual(expect.objectContaining({ type: "HostsReady", reason: "HostNotFound" }));
  });
});

describe.each(GRANTS)("a user that has the right by %s", (_, hosts) => {
  test.each(WAYS)("and cannot be taken out at first, is taken out later: %s", async (_way, after, others) => {
    const one = new Case();
    expect(await one.reconcile({ ...NAMED, hosts })).toEqual(["WEB01$", "svc-web"]);
    one.stick();
    expect(await one.reconcile({ ...after, hosts })).toContain("svc-web");
    // Nothing of it is forgotten however often that fails.
    expect(await one.reconcile({ ...after, hosts })).toContain("svc-web");
    one.loosen();
    expect(await one.reconcile({ ...after, hosts })).toEqual(["WEB01$", ...others]);
    await one.reconcile({ ...after, hosts });
    expect(one.status?.resolvedHosts?.filter(({ objectGUID }) => objectGUID === WEB.objectGUID)).toEqual([]);
  });

  test("and cannot be taken out, is taken out though the farm is not allowed any more", async () => {
    const one = new Case();
    await one.reconcile({ ...NAMED, hosts });
    one.stick();
    await one.reconcile({ hosts });
    one.loosen();
    expect(await one.reconcile({ hosts }, "Frozen")).toEqual(["WEB01$"]);
  });

  test("and cannot be taken out at first, is not taken for the one that came after it", async () => {
    const one = new Case();
    const after: Manifests = { hostAccount: "eks-web", accounts: { "eks-web": "svc.other" }, hosts };
    await one.reconcile({ ...NAMED, hosts });
    one.stick();
    await one.reconcile(after);
    one.loosen();
    one.delete(OTHER);
    expect(await one.reconcile(after)).toEqual(["WEB01$"]);
  });

  test("stays out while it is quarantined, whatever becomes of pods.hostAccount", async () => {
    const one = new Case();
    await one.reconcile({ ...NAMED, hosts });
    for (const manifests of [NAMED, {}, {}]) {
      expect(await one.reconcile({ ...manifests, hosts: { ...hosts, quarantined: ["svc-web"] } })).toEqual(["WEB01$"]);
      const denied = one.directory.everything.find(isAccount)?.retrievers?.denied;
      expect(denied).toEqual([WEB.objectSID]);
      expect(one.status?.conditions?.find(({ type }) => type === "HostsReady")?.message).not.toContain("was moved or renamed");
    }
    // Also where somebody takes the entry away, or calls it otherwise.
    const account = one.directory.everything.find(isAccount);
    if (account) one.directory.setList(account, encodeRetrievers(account.retrievers?.principals ?? [], []));
    await one.reconcile({ hosts: { ...hosts, quarantined: ["svc-web"] } });
    expect(one.directory.everything.find(isAccount)?.retrievers?.denied).toEqual([WEB.objectSID]);
    one.change(WEB, { samAccountName: "renamed" });
    await one.reconcile({ hosts: { ...hosts, quarantined: ["svc-web"] } });
    expect(one.directory.everything.find(isAccount)?.retrievers?.denied).toEqual([WEB.objectSID]);
  });
});

test("a user that only the record of the group knows is taken out of it", async () => {
  const one = new Case();
  const hosts = { group: { name: "Shared", existing: true } };
  await one.reconcile({ ...NAMED, hosts });
  const { resolvedHosts: _, ...status } = one.status ?? { observedGeneration: 1 };
  one.status = status;
  expect(await one.reconcile({ hosts })).toEqual(["WEB01$"]);
});

test("a user whose group of the farm's own becomes somebody else's is taken out of it", async () => {
  const one = new Case();
  await one.reconcile(NAMED);
  one.stick();
  await one.reconcile({});
  one.loosen();
  expect(await one.reconcile({ hosts: { group: { name: "itfarm1Hosts", existing: true } } })).toEqual(["WEB01$"]);
});

test("whoever is there is not deleted, whatever it is", async () => {
  const one = new Case();
  await one.reconcile({ ...NAMED, hosts: { quarantined: ["svc-web"] } });
  one.change(WEB, { objectClass: "contact" });
  await one.reconcile({ hosts: { quarantined: ["svc-web"] } });
  expect(one.directory.everything.find(isAccount)?.retrievers?.denied).toEqual([WEB.objectSID]);
});
