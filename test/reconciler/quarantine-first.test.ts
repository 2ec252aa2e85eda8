/** Whoever is quarantined waits for no search. */
import { describe, expect, test } from "vitest";
import { DirectoryError } from "../../src/ad/error.ts";
import { type DirectoryObject, isAccount, isGroup } from "../../src/ad/object.ts";
import type { ServerFarm, ServerFarmStatus } from "../../src/api/generated/server-farm.ts";
import { desiredFarm } from "../../src/farm/desired.ts";
import type { DesiredFarm } from "../../src/farm/desired-farm.ts";
import type { ObservedFarm, Scope } from "../../src/farm/observed.ts";
import { reconcileFarm } from "../../src/reconciler/farm.ts";
import type { FarmPorts } from "../../src/reconciler/work.ts";
import { AskedDirectory } from "../farm/asked-directory.ts";
import { CLUSTER, computer, FACTS, farm } from "../farm/simulation.ts";

const signal = new AbortController().signal;
const [WEB01, WEB02] = [computer("WEB01"), computer("WEB02")];
const SEARCH = { container: "OU=Web", names: ["*"], max: 200, maxRemoval: "20%" };

/** A directory where searches take as long as it says. */
class Slow extends AskedDirectory {
  search: Promise<unknown> = Promise.resolve();
  readonly scopes: Scope[] = [];

  override async observe(desired: DesiredFarm, scope: Scope, aborted: AbortSignal, before?: ObservedFarm): Promise<ObservedFarm> {
    this.scopes.push(scope);
    if (scope === "Names" && desired.search) await this.search;
    return await super.observe(desired, scope, aborted, before);
  }

  get members(): readonly string[] {
    return this.simulated.objects.filter(isGroup).flatMap(({ members }) => members);
  }

  get denied(): readonly string[] {
    return this.simulated.objects.find(isAccount)?.retrievers?.denied ?? [];
  }
}

async function begun(searches = true): Promise<{ directory: Slow; status: ServerFarmStatus }> {
  const directory = new Slow([], [WEB01, WEB02]);
  const end = await run(directory, resource([], undefined, searches));
  if (end.kind !== "Looked") throw new Error(end.kind);
  directory.scopes.length = 0;
  return { directory, status: end.status };
}

function resource(quarantined: readonly string[], status?: ServerFarmStatus, searches = true): ServerFarm {
  // The generation that the manifest has when somebody is quarantined.
  const generation = quarantined.length > 0 ? 2 : 1;
  return farm({ hosts: { computers: ["WEB01", "WEB02"], quarantined, ...(searches && { search: SEARCH }) } }, status, generation);
}

async function run(directory: Slow, one: ServerFarm, fresh: () => Promise<void> = () => Promise.resolve()) {
  const ports: FarmPorts = {
    directory,
    assertFresh: fresh,
    record: (copy, status) => Promise.resolve({ ...copy, status }),
    now: () => new Date("2026-11-26T00:00:00Z"),
  };
  const { end } = await reconcileFarm(one, desiredFarm(one, FACTS, CLUSTER).desired, ports, signal);
  return end;
}

const dnOf = ({ distinguishedName }: DirectoryObject): string => distinguishedName;

describe("whoever is quarantined", () => {
  test("loses the right before the search ends, and is told of once it did", async () => {
    const { directory, status } = await begun();
    expect(directory.members.toSorted()).toEqual([WEB01, WEB02].map(dnOf));
    const { promise, resolve } = Promise.withResolvers<void>();
    directory.search = promise;
    const { promise: out, resolve: done } = Promise.withResolvers<void>();
    directory.simulated.onWrite = () => {
      if (directory.denied.length > 0 || directory.members.length < 2) done();
    };
    const end = run(directory, resource(["WEB02"], status));
    await out;
    expect(directory.members).toEqual([dnOf(WEB01)]);
    resolve();
    const looked = await end;
    expect(directory.denied).toEqual([WEB02.objectSID]);
    if (looked.kind !== "Looked") throw new Error(looked.kind);
    expect(looked.events.map(({ reason }) => reason)).toContain("HostsRemoved");
    // Once it is on record, all is one look again.
    directory.scopes.length = 0;
    await run(directory, resource(["WEB02"], looked.status));
    expect(directory.scopes).toEqual(["Names"]);
  });

  test("is looked at with all else where nothing is searched", async () => {
    const { directory, status } = await begun(false);
    await run(directory, resource(["WEB02"], status, false));
    expect(directory.scopes).not.toContain("Known");
    expect(directory.members).toEqual([dnOf(WEB01)]);
  });

  test("is told of though the farm was changed meanwhile", async () => {
    const { directory, status } = await begun();
    let asked = 0;
    const stale = (): Promise<void> => (asked++ === 0 ? Promise.resolve() : Promise.reject(new Error("old")));
    const more = { ...resource(["WEB02"], status) };
    const changed = { ...more, spec: { ...more.spec, account: { ...more.spec.account, description: "another" } } };
    const end = await run(directory, changed, stale);
    expect(directory.members).toEqual([dnOf(WEB01)]);
    expect(end).toMatchObject({ kind: "Unrecorded", cause: new Error("old") });
    expect(end.events.map(({ reason }) => reason)).toContain("HostsRemoved");
  });

  test("is taken out with all else where that could not be done at first", async () => {
    const { directory, status } = await begun();
    let failures = 2;
    directory.simulated.refuse = () => (failures-- > 0 ? new DirectoryError("Unwilling", "not now") : undefined);
    await run(directory, resource(["WEB02"], status));
    expect([directory.members, directory.denied]).toEqual([[dnOf(WEB01)], [WEB02.objectSID]]);
  });
});
