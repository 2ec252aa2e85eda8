/** Nobody may use a credential spec that names an account whose name becomes another's. */
import { describe, expect, test } from "vitest";
import type { Asker } from "../../src/ad/port.ts";
import type { ServerFarm } from "../../src/api/generated/server-farm.ts";
import { DirectoryError } from "../../src/ad/error.ts";
import { keyOf } from "../../src/api/object.ts";
import { NameGuard } from "../../src/controller/name-change.ts";
import { accountKey, farmKey, type Found, type NamedAccount, type Owner } from "../../src/credential-spec/objects.ts";
import type { Step } from "../../src/credential-spec/plan.ts";
import type { Change } from "../../src/farm/changes/index.ts";
import { KubernetesError } from "../../src/kubernetes/api-error.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { allMade, DOMAIN, farmWith, foreign } from "../credential-spec/cases.ts";
import { desired, directoryObject } from "../farm/simulation.ts";

const OWN = farmWith({});
const OTHER = farmWith({}, undefined, "web2");
const ACCOUNT = { samAccountName: "itfarm1", dnsName: DOMAIN.dnsName };
const object = { distinguishedName: "CN=itfarm1", objectGUID: "a", owner: "o" };
const DELETE: Change = { kind: "DeleteAccount", object, former: { objectGUID: "a" } };
const END: Change = { kind: "DeleteAccount", object };
const ADOPT: Change = { kind: "Adopt", object, part: "Account", consent: undefined };
const bindingOf = (farm: ServerFarm): Found => ({ RoleBinding: allMade(farm).RoleBinding ?? foreign(undefined) });

const BINDINGS = { "web/itfarm1": bindingOf(OWN), "web/web2": bindingOf(OTHER), "web/gone": bindingOf(farmWith({}, undefined, "gone")) };
const PUBLISHERS = ["web/itfarm1", "web/web2", "web/gone", "web/none"];

interface Case {
  /** By key of their farms. */
  readonly bindings?: Readonly<Record<string, Found>>;
  readonly refused?: KubernetesError;
  /** The kind of which alone writes are refused. */
  readonly only?: string;
  readonly stop?: string;
  readonly problem?: KubernetesError;
  readonly isObserved?: boolean;
  /** What the API server says of specs. */
  readonly unreadable?: KubernetesError;
}

/** What was done, in order, and what was said. */
class World {
  readonly done: string[] = [];
  readonly events: string[] = [];
  readonly logged: string[] = [];
  readonly asked = new Set<string>();
  readonly guard: NameGuard;

  constructor({ bindings = BINDINGS, refused, only, stop, problem, isObserved = false, unreadable }: Case = {}) {
    const isIts = (account: NamedAccount): boolean => accountKey(account) === accountKey(ACCOUNT);
    const farms = new Map([OWN, OTHER].map((farm) => [keyOf(farm.metadata), farm]));
    this.guard = new NameGuard({
      objects: {
        leads: true,
        problem,
        publishersOf: (account) => (isIts(account) && account.domainSID === DOMAIN.identity.domainSID && !problem ? PUBLISHERS : []),
        read: ([kind]: readonly string[], owner: Owner) => {
          if (kind === "GMSACredentialSpec" && unreadable) return Promise.reject(unreadable);
          const all = bindings[farmKey(owner)] ?? {};
          return Promise.resolve(Object.fromEntries(Object.entries(all).filter(([one]) => one === kind)));
        },
        apply: (step: Step, asker: Asker) => {
          this.asked.add(`${asker.farm.name} ${asker.cause}`);
          if (refused && (only === undefined || (step.do === "Delete" && step.kind === only))) return Promise.reject(refused);
          this.done.push(step.do === "Delete" ? `${step.kind} ${step.found.metadata.name}` : step.do);
          return Promise.resolve(undefined);
        },
      },
      farms: {
        get: (key) => farms.get(key),
        domainOf: () => DOMAIN,
        isObserved: () => isObserved,
        publishersOf: (account) => (isIts(account) ? ["web/itfarm1", "web/web2"] : []),
        stopOf: () => stop,
      },
      log: createLog("warn", "json", (line) => this.logged.push(line)),
      events: { record: (_kind, { metadata }, { type, message }) => this.events.push(`${type} ${metadata.name}: ${message}`) },
    });
  }

  /** Resolves with the error. */
  async apply(change: Change, answer: () => Promise<void> = () => Promise.resolve()): Promise<unknown> {
    const apply = (): Promise<void> => {
      this.done.push(change.kind);
      return answer();
    };
    return await this.guard.apply(OWN, change, apply).then(
      () => undefined,
      (error: unknown) => error,
    );
  }
}

describe("a change", () => {
  const others = ["RoleBinding web2-credential-spec", "RoleBinding gone-credential-spec"];

  test("by which the farm takes a name: first all others lose the right, also those that are gone", async () => {
    const world = new World();
    expect(await world.apply(ADOPT)).toBeUndefined();
    expect(world.done).toEqual([...others, "Adopt"]);
    expect(world.events).toEqual([
      expect.stringMatching(/^Warning web2: delete RoleBinding web2-credential-spec: another farm gets the account itfarm1, /),
    ]);
    expect([...world.asked]).toEqual(["itfarm1 Adoption"]);
  });

  test("by which the name is free for a while: then the farm itself loses it", async () => {
    const world = new World();
    expect(await world.apply(DELETE)).toBeUndefined();
    expect(world.done).toEqual(["DeleteAccount", "RoleBinding itfarm1-credential-spec"]);
    expect(world.events).toEqual([
      expect.stringMatching(
        /^Normal itfarm1: delete RoleBinding itfarm1-credential-spec: the operator is about to create the account itfarm1 again/,
      ),
    ]);
  });

  test.each([
    ["whose answer is lost: it may be free", "OutcomeUnknown", ["DeleteAccount", "RoleBinding itfarm1-credential-spec"]],
    ["that is refused: the farm still has it", "AccessDenied", ["DeleteAccount"]],
  ] as const)("by which the name is free, %s", async (_, kind, done) => {
    const [world, error] = [new World(), new DirectoryError(kind, "no")];
    expect(await world.apply(DELETE, () => Promise.reject(error))).toBe(error);
    expect(world.done).toEqual(done);
  });

  test("that is about something else, or the end of the farm", async () => {
    const world = new World();
    for (const change of [END, { kind: "DeleteHostGroup", object } satisfies Change]) await world.apply(change);
    expect(world.done).toEqual(["DeleteAccount", "DeleteHostGroup"]);
  });

  test("a binding that is somebody else's stays, and gives nothing: the spec goes", async () => {
    const { GMSACredentialSpec: spec, RoleBinding: binding } = allMade(OTHER);
    const bound = { RoleBinding: foreign(binding), ...(spec ? { GMSACredentialSpec: spec } : {}) };
    const world = new World({ bindings: { "web/web2": bound } });
    await world.apply(ADOPT);
    expect(world.done).toEqual(["GMSACredentialSpec web.web2", "Adopt"]);
    expect(world.events).toEqual([
      expect.stringMatching(/^Warning web2: delete GMSACredentialSpec web\.web2: another farm gets the account/),
    ]);
    const others = new World({ bindings: { "web/web2": { ...bound, GMSACredentialSpec: foreign(spec) } } });
    await others.apply(ADOPT);
    expect(others.done).toEqual(["Adopt"]);
  });

  test("the binding goes though the spec cannot be read, and the change is not made", async () => {
    const world = new World({ unreadable: new KubernetesError("Forbidden", "no") });
    expect(await world.apply(ADOPT)).toMatchObject({ kind: "NotSent" });
    expect(world.done).toEqual(["RoleBinding web2-credential-spec"]);
  });

  test("is not made where the right cannot be taken away, and nothing is said of the other farm", async () => {
    const bindings = { "web/web2": allMade(OTHER) };
    const world = new World({
      bindings,
      refused: new KubernetesError("Forbidden", "gmsacredentialspecs web.web2 is forbidden", { status: 403 }),
    });
    expect(await world.apply(ADOPT)).toMatchObject({
      name: "DirectoryError",
      kind: "NotSent",
      message: expect.not.stringContaining("web2"),
    });
    expect([world.done, world.events]).toEqual([[], []]);
    expect(world.logged).toEqual([expect.stringContaining("gmsacredentialspecs web.web2 is forbidden")]);
    const away = new World({ refused: new KubernetesError("Unavailable", "no answer") });
    expect(await away.apply(ADOPT)).toMatchObject({ name: "DirectoryError", kind: "NotSent" });
    expect(away.logged).toHaveLength(1);
    const stopped = new World({ stop: "suspended" });
    expect(await stopped.apply(ADOPT)).toMatchObject({ kind: "Aborted", message: "suspended" });
    expect([away.done, stopped.done]).toEqual([[], []]);
  });

  test("is made where only the binding stays: without the spec that gives nothing", async () => {
    const refused = new KubernetesError("Forbidden", "no");
    const world = new World({ bindings: { "web/web2": allMade(OTHER) }, refused, only: "RoleBinding" });
    expect(await world.apply(ADOPT)).toBeUndefined();
    expect(world.done).toEqual(["GMSACredentialSpec web.web2", "Adopt"]);
    expect(world.logged).toHaveLength(1);
    // Whoever changed it meanwhile: all of it is looked at again.
    const changed = new World({
      bindings: { "web/web2": allMade(OTHER) },
      refused: new KubernetesError("Conflict", "no"),
      only: "RoleBinding",
    });
    expect(await changed.apply(ADOPT)).toMatchObject({ kind: "Aborted" });
    expect(changed.done).toEqual([]);
  });

  test("by which the name is free: what was taken is told, though the farm's own binding stays", async () => {
    const refused = new KubernetesError("Forbidden", "no");
    const world = new World({ bindings: { "web/itfarm1": allMade(OWN) }, refused, only: "RoleBinding" });
    expect(await world.apply(DELETE)).toBeUndefined();
    expect(world.events).toEqual([expect.stringMatching(/^Normal itfarm1: delete GMSACredentialSpec /)]);
    expect(world.logged).toHaveLength(1);
  });

  test("that was made is not undone where the farm's own right cannot be taken away: it is logged", async () => {
    const world = new World({ refused: new KubernetesError("Forbidden", "no") });
    expect(await world.apply(DELETE)).toBeUndefined();
    expect(world.logged).toHaveLength(1);
  });

  test("while credential specs cannot be seen, what farms say of themselves counts", async () => {
    const world = new World({ problem: new KubernetesError("Forbidden", "no") });
    await world.apply(ADOPT);
    expect(world.done).toEqual(["RoleBinding web2-credential-spec", "Adopt"]);
  });
});

describe("a look that shows the farm's account", () => {
  const seen = (samAccountName: string) => ({
    account: { kind: "Own" as const, object: directoryObject({ distinguishedName: "CN=itfarm1", samAccountName }) },
    desired: desired(),
  });
  const own = seen("ITFARM1$");

  test("tells whether somebody else's credential spec names it", () => {
    expect(new World().guard.hasRivals(OWN, own)).toBe(true);
    expect(new World({ isObserved: true }).guard.hasRivals(OWN, own)).toBe(false);
    expect(new World().guard.hasRivals(OWN, { ...own, account: { kind: "Vacant" } })).toBe(false);
    // By the name that it should have, another farm may publish its own account.
    expect(new World().guard.hasRivals(OWN, seen("renamed$"))).toBe(false);
    expect(new World().guard.hasRivals(farmWith({}, undefined, "another"), own)).toBe(false);
  });

  test("lets all others lose the right", async () => {
    const world = new World();
    await world.guard.takeFromRivals(OWN);
    expect(world.done).toEqual(["RoleBinding web2-credential-spec", "RoleBinding gone-credential-spec"]);
    expect([...world.asked]).toEqual(["itfarm1 SpecChange"]);
  });
});
