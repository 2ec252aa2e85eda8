/** What is planned for Pods, carried out while the API server refuses part of it. */
import { describe, expect, test } from "vitest";
import { carryOut, takeAway, unlessForced } from "../../src/controller/pod-steps.ts";
import type { Found, FoundObject, PublishedKind } from "../../src/credential-spec/objects.ts";
import { kindOf, planPods, type Step } from "../../src/credential-spec/plan.ts";
import { ownerOf, wishOf } from "../../src/credential-spec/wanted.ts";
import { KubernetesError, type KubernetesErrorKind } from "../../src/kubernetes/api-error.ts";
import { allMade, DOMAIN, farmWith, foreign, made, named, wantedOf } from "../credential-spec/cases.ts";

const FARM = farmWith({});
const BOTH = farmWith({ configMap: true });
const OWNER = ownerOf(FARM);
const WANTED = wantedOf(FARM);

/** Objects in memory. `answer`: how a step ends, by its name and how often it was tried before; undefined, it is done. */
class Objects {
  readonly tried: string[] = [];
  leads = true;
  #found: Found;
  readonly #answer: (step: string, before: number) => KubernetesErrorKind | undefined;

  constructor(found: Found, answer: (step: string, before: number) => KubernetesErrorKind | undefined = () => undefined) {
    this.#found = found;
    this.#answer = answer;
  }

  get left(): readonly string[] {
    return Object.keys(this.#found).toSorted();
  }

  set(kind: PublishedKind, object: FoundObject): void {
    this.#found = { ...this.#found, [kind]: object };
  }

  apply(step: Step): Promise<FoundObject | undefined> {
    const name = named(step);
    const kind = this.#answer(name, this.tried.filter((one) => one === name).length);
    this.tried.push(name);
    if (kind) return Promise.reject(new KubernetesError(kind, `${name}: ${kind}`));
    const { [kindOf(step)]: _before, ...others } = this.#found;
    this.#found = step.do === "Delete" ? others : { ...others, [kindOf(step)]: made(step.object) };
    return Promise.resolve(step.do === "Delete" ? undefined : made(step.object));
  }

  read(kinds: readonly PublishedKind[]): Promise<Found> {
    return Promise.resolve(Object.fromEntries(Object.entries(this.#found).filter(([kind]) => kinds.some((one) => one === kind))));
  }
}

const waysOf = (objects: Objects, stop: () => string | undefined = () => undefined) => ({
  objects,
  askerOf: () => ({ farm: { ...OWNER, generation: 1 }, cause: "SpecChange" as const }),
  stop,
});
const forbidden =
  (...steps: readonly string[]) =>
  (step: string): KubernetesErrorKind | undefined =>
    steps.includes(step) ? "Forbidden" : undefined;

describe("steps", () => {
  const stepsOf = (farm: typeof FARM, found: Found): readonly Step[] => planPods(wishOf(farm, DOMAIN), found, OWNER, "Full").steps;

  test.each([
    ["nothing", [], ["Create Role", "Create RoleBinding", "Create ConfigMap", "Create GMSACredentialSpec"], undefined],
    [
      "the ConfigMap: all else is done",
      ["Create ConfigMap"],
      ["Create Role", "Create RoleBinding", "Create GMSACredentialSpec"],
      "Create ConfigMap",
    ],
    [
      "the binding: there is no spec that nobody may use",
      ["Create RoleBinding"],
      ["Create Role", "Create ConfigMap"],
      "Create RoleBinding",
    ],
    ["the role: nobody is bound to it", ["Create Role"], ["Create ConfigMap"], "Create Role"],
    ["several: the first is said", ["Create Role", "Create ConfigMap"], [], "Create Role"],
  ])("of which the API server refuses %s", async (_, refused, done, said) => {
    const told: string[] = [];
    const end = await carryOut(stepsOf(BOTH, {}), waysOf(new Objects({}, forbidden(...refused))), (step) => told.push(named(step)));
    expect([end.done.map(named), told]).toEqual([done, done]);
    expect(end.refusal?.message).toBe(said && `${said}: Forbidden`);
  });

  test.each(["Fix Role", "Fix RoleBinding", "Create ConfigMap"])(
    "fix a spec that is there, whatever is refused of the rest: %s",
    async (refused) => {
      const found = {
        GMSACredentialSpec: { ...made(WANTED.GMSACredentialSpec), credspec: {} },
        Role: { ...made(WANTED.Role), rules: [] },
        RoleBinding: { ...made(WANTED.RoleBinding), subjects: [] },
      };
      const objects = new Objects(found, forbidden(refused));
      const { done, refusal } = await carryOut(stepsOf(BOTH, found), waysOf(objects), () => undefined);
      expect(done.map(named)).toContain("Fix GMSACredentialSpec");
      expect(done.length).toBe(3);
      expect(refusal?.message).toContain(refused);
    },
  );

  test("bind nobody to a spec that could not be fixed: it may name another account", async () => {
    const found = { GMSACredentialSpec: { ...made(WANTED.GMSACredentialSpec), credspec: {} }, Role: made(WANTED.Role) };
    const { done } = await carryOut(stepsOf(FARM, found), waysOf(new Objects(found, forbidden("Fix GMSACredentialSpec"))), () => undefined);
    expect(done).toEqual([]);
  });

  test("take a spec over only once all that it needs is there", async () => {
    const given = foreign(allMade(FARM).GMSACredentialSpec, { "serverfarm.dev/adopt": "web/itfarm1" });
    const found = { GMSACredentialSpec: given };
    const { done } = await carryOut(stepsOf(FARM, found), waysOf(new Objects(found, forbidden("Create RoleBinding"))), () => undefined);
    expect(done.map(named)).toEqual(["Create Role"]);
  });

  test("make nothing anew that could not be deleted", async () => {
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "admin" };
    const found = { ...allMade(FARM), RoleBinding: { ...made(WANTED.RoleBinding), roleRef } };
    const objects = new Objects(found, forbidden("Delete RoleBinding"));
    await carryOut(stepsOf(FARM, found), waysOf(objects), () => undefined);
    expect(objects.tried).toEqual(["Delete RoleBinding"]);
  });

  test("end where somebody says stop, and where what they were planned for is not so any more", async () => {
    const objects = new Objects({});
    const stop = (): string | undefined => (objects.tried.length === 1 ? "the domain was suspended" : undefined);
    await expect(carryOut(stepsOf(FARM, {}), waysOf(objects, stop), () => undefined)).rejects.toMatchObject({ kind: "Conflict" });
    expect(objects.tried).toEqual(["Create Role"]);
    const changed = new Objects({}, () => "Conflict");
    await expect(carryOut(stepsOf(FARM, {}), waysOf(changed), () => undefined)).rejects.toMatchObject({ kind: "Conflict" });
    expect(changed.tried).toEqual(["Create Role"]);
  });
});

describe("the end", () => {
  const all = allMade(BOTH);

  test.each(["Forbidden", "Unavailable"] as const)("takes the spec away, too, where the binding cannot be: %s", async (kind) => {
    const objects = new Objects(all, (step) => (step === "Delete RoleBinding" ? kind : undefined));
    await expect(takeAway(all, OWNER, waysOf(objects))).rejects.toMatchObject({ kind });
    expect(objects.left).toEqual(["RoleBinding"]);
  });

  test("says a refusal before what may pass by itself", async () => {
    const objects = new Objects(all, (step) =>
      step === "Delete RoleBinding" ? "Unavailable" : step === "Delete Role" ? "Forbidden" : undefined,
    );
    await expect(takeAway(all, OWNER, waysOf(objects))).rejects.toMatchObject({ kind: "Forbidden" });
  });

  test("looks again at what changed", async () => {
    const objects = new Objects(all, (_, before) => (before === 0 ? "Conflict" : undefined));
    expect((await takeAway(all, OWNER, waysOf(objects))).length).toBe(4);
    expect(objects.left).toEqual([]);
  });

  test("leaves what changes all the time to the cluster, but for the spec", async () => {
    const objects = new Objects(all, (step) => (step === "Delete GMSACredentialSpec" ? undefined : "Conflict"));
    expect((await takeAway(all, OWNER, waysOf(objects))).map(named)).toEqual(["Delete GMSACredentialSpec"]);
    expect(objects.tried.filter((step) => step === "Delete RoleBinding").length).toBe(2);
    const flapping = new Objects(all, () => "Conflict");
    await expect(takeAway(all, OWNER, waysOf(flapping))).rejects.toMatchObject({ kind: "Conflict" });
  });

  test("leaves what became somebody else's meanwhile", async () => {
    const objects = new Objects(all, (step, before) => (step === "Delete Role" && before === 0 ? "Conflict" : undefined));
    objects.set("Role", foreign(all.Role));
    await takeAway(all, OWNER, waysOf(objects));
    expect(objects.left).toEqual(["Role"]);
  });

  test("stops at once where another replica leads, and where somebody says stop", async () => {
    const objects = new Objects(all, () => "Conflict");
    objects.leads = false;
    await expect(takeAway(all, OWNER, waysOf(objects))).rejects.toMatchObject({ kind: "Conflict" });
    expect(objects.tried).toEqual(["Delete RoleBinding"]);
    const stopped = new Objects(all);
    const stop = (): string | undefined => (stopped.tried.length === 1 ? "suspended" : undefined);
    await expect(takeAway(all, OWNER, waysOf(stopped, stop))).rejects.toMatchObject({ kind: "Conflict" });
    expect(stopped.tried).toEqual(["Delete RoleBinding"]);
  });

  test.each([
    ["Unavailable", true, "true", true],
    ["Forbidden", true, "true", true],
    ["Conflict", true, "true", true],
    ["Conflict", false, "true", false],
    ["Unavailable", true, "false", false],
  ] as const)("that is forced goes on: %s, leads %s, abandon %s", async (kind, leads, abandon, goesOn) => {
    const farm = { ...FARM, metadata: { ...FARM.metadata, annotations: { "serverfarm.dev/abandon": abandon } } };
    const end = unlessForced(
      () => leads,
      farm,
      () => Promise.reject(new KubernetesError(kind, "no")),
    );
    if (goesOn) expect(await end).toMatchObject([{ reason: "ObjectKept", message: expect.stringContaining("web.itfarm1") }]);
    else await expect(end).rejects.toMatchObject({ kind });
  });

  test("that is forced hides no mistake of the program", async () => {
    const farm = { ...FARM, metadata: { ...FARM.metadata, annotations: { "serverfarm.dev/abandon": "true" } } };
    await expect(
      unlessForced(
        () => true,
        farm,
        () => Promise.reject(new Error("a mistake")),
      ),
    ).rejects.toThrow("a mistake");
  });
});
