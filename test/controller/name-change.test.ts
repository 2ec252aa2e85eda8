/** Nobody may use a credential spec that names an account whose name becomes another's. */
import { describe, expect, test } from "vitest";
import type { Asker } from "../../src/ad/port.ts";
import type { ServerFarm } from "../../src/api/generated/server-farm.ts";
import { keyOf } from "../../src/api/object.ts";
import { beforeChange } from "../../src/controller/name-change.ts";
import { accountKey, farmKey, type Found, type NamedAccount, type Owner } from "../../src/credential-spec/objects.ts";
import type { Step } from "../../src/credential-spec/plan.ts";
import type { Change } from "../../src/farm/changes/index.ts";
import { KubernetesError } from "../../src/kubernetes/api-error.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { allMade, DOMAIN, farmWith, foreign } from "../credential-spec/cases.ts";

const OWN = farmWith({});
const OTHER = farmWith({}, undefined, "web2");
const ACCOUNT = { samAccountName: "itfarm1", dnsName: DOMAIN.dnsName };
const object = { distinguishedName: "CN=itfarm1", objectGUID: "a", owner: "o" };
const DELETE: Change = { kind: "DeleteAccount", object };
const ADOPT: Change = { kind: "Adopt", object, part: "Account", consent: undefined };
const bindingOf = (farm: ServerFarm): Found => ({ RoleBinding: allMade(farm).RoleBinding ?? foreign(undefined) });

/** `bindings`: by key of their farms. `names`: farms whose spec names the account. */
async function told(
  change: Change,
  {
    bindings,
    names,
    refused,
    stop,
  }: { bindings: Readonly<Record<string, Found>>; names: readonly string[]; refused?: KubernetesError; stop?: string },
) {
  const deleted: string[] = [];
  const events: string[] = [];
  const asked = new Set<string>();
  const logged: string[] = [];
  const objects = {
    leads: true,
    publishersOf: (account: NamedAccount) => (accountKey(account) === accountKey(ACCOUNT) ? names : []),
    read: (_kinds: readonly string[], owner: Owner) => Promise.resolve(bindings[farmKey(owner)] ?? {}),
    apply: (step: Step, asker: Asker) => {
      asked.add(`${asker.farm.name} ${asker.cause}`);
      if (refused) return Promise.reject(refused);
      deleted.push(step.do === "Delete" ? `${step.kind} ${step.found.metadata.name}` : step.do);
      return Promise.resolve(undefined);
    },
  };
  const farms = new Map([OWN, OTHER].map((farm) => [keyOf(farm.metadata), farm]));
  const world = {
    objects,
    farms: { get: (key: string) => farms.get(key) },
    log: createLog("warn", "json", (line) => logged.push(line)),
    events: {
      record: (_kind: object, farm: { metadata: { name: string } }, { type, message }: { type: string; message: string }) =>
        events.push(`${type} ${farm.metadata.name}: ${message}`),
    },
    domain: DOMAIN,
    stop: () => stop,
  };
  const error = await beforeChange(OWN, change, world).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return { deleted, events, error, logged, asked: [...asked] };
}

describe("right before a change", () => {
  const bindings = { "web/itfarm1": bindingOf(OWN), "web/web2": bindingOf(OTHER), "web/gone": bindingOf(farmWith({}, undefined, "gone")) };
  const names = ["web/itfarm1", "web/web2", "web/gone", "web/none"];

  test("by which the farm takes a name, all others lose the right: also those that are gone", async () => {
    const { deleted, events, error, asked } = await told(ADOPT, { bindings, names });
    expect(deleted).toEqual(["RoleBinding web2-credential-spec", "RoleBinding gone-credential-spec"]);
    expect(events).toEqual([
      expect.stringMatching(/^Warning web2: delete RoleBinding web2-credential-spec: another farm is about to get the account itfarm1, /),
    ]);
    expect(error).toBeUndefined();
    expect(asked).toEqual(["itfarm1 Adoption"]);
  });

  test("by which the name is free, the farm itself does", async () => {
    const { deleted, events } = await told(DELETE, { bindings, names });
    expect(deleted).toEqual(["RoleBinding itfarm1-credential-spec"]);
    expect(events).toEqual([
      expect.stringMatching(
        /^Normal itfarm1: delete RoleBinding itfarm1-credential-spec: the operator is about to delete the account itfarm1 /,
      ),
    ]);
  });

  test("that is about something else, nobody does", async () => {
    expect(await told({ kind: "DeleteHostGroup", object }, { bindings, names })).toMatchObject({
      deleted: [],
      events: [],
      error: undefined,
      asked: [],
    });
  });

  test("a binding that is somebody else's stays", async () => {
    expect((await told(ADOPT, { bindings: { "web/web2": { RoleBinding: foreign(allMade(OTHER).RoleBinding) } }, names })).deleted).toEqual(
      [],
    );
  });

  test("a refusal is told without a word of the other farm, and keeps the change from being made", async () => {
    const refused = new KubernetesError("Forbidden", "rolebindings web2-credential-spec is forbidden", { status: 403 });
    const { error, events, logged } = await told(ADOPT, { bindings, names, refused });
    expect(logged).toEqual([expect.stringContaining("rolebindings web2-credential-spec is forbidden")]);
    expect(error).toMatchObject({ kind: "Forbidden", status: 403, message: expect.not.stringContaining("web2") });
    expect(events).toEqual([]);
    // Of its own farm there is nothing to leave out.
    expect((await told(DELETE, { bindings, names, refused })).error).toBe(refused);
    const away = new KubernetesError("Unavailable", "no answer");
    expect((await told(ADOPT, { bindings, names, refused: away })).error).toBe(away);
  });

  test("whose farm is stopped, nothing is written", async () => {
    expect(await told(ADOPT, { bindings, names, stop: "suspended" })).toMatchObject({ deleted: [], error: { kind: "Conflict" } });
  });
});
