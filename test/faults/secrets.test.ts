/** The operator's namespace holds more than it is to see: only what domains name is read, and followed. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ADMINISTRATOR } from "../harness/directory.ts";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import { available, cleanUp, cluster, domainReady, domainWhere, secretOf, SYSTEM } from "../harness/world.ts";
import { between, type Between } from "./between.ts";

describe.skipIf(!available)("Secrets and ConfigMaps", () => {
  let middle: Between;
  let operator: Operator;

  beforeAll(async () => {
    middle = await between();
    operator = await middle.start();
    await domainReady();
  });

  afterAll(async () => {
    await cleanUp();
    expect(await operator.stop()).toBe(0);
    await middle.stop();
    await cluster.delete("Secret", "other-ldap", SYSTEM);
  });

  /** The names that lists and watches asked for since then; "all" where one asked for none. */
  function asked(from = 0): ReadonlySet<string> {
    const paths = middle.http.schedule.seen
      .slice(from)
      .filter(({ protocol, path }) => protocol === "http" && /\/(secrets|configmaps)\?/.test(path));
    return new Set(paths.map(({ path }) => /fieldSelector=metadata\.name%3D([^&]+)/.exec(path)?.[1] ?? "all"));
  }

  const rename = (name: string): Promise<void> =>
    cluster.patch("ActiveDirectoryDomain", "contoso", undefined, { spec: { credentialsSecretRef: { name } } });

  test("are asked for by name, and no others", () => {
    expect([...asked()].toSorted()).toEqual(["contoso-ca", "contoso-ldap"]);
  });

  test("another name is another watch, and the one before is followed no longer", { timeout: 60_000 }, async () => {
    await cluster.delete("Secret", "other-ldap", SYSTEM);
    const from = middle.http.schedule.seen.length;
    await rename("other-ldap");
    await domainWhere(({ reason }) => reason === "SecretNotFound");
    await cluster.apply(secretOf("other-ldap", { username: ADMINISTRATOR.username, password: ADMINISTRATOR.password }));
    await domainReady();
    expect([...asked(from)]).toEqual(["other-ldap"]);
    // What becomes of the other is nothing to the domain now.
    const lines = (): number =>
      middle.http.schedule.seen.filter(({ protocol, path }) => protocol === "watch" && path.includes("contoso-ldap")).length;
    const before = lines();
    await cluster.patch("Secret", "contoso-ldap", SYSTEM, { metadata: { annotations: { touched: "yes" } } });
    await rename("contoso-ldap");
    await domainReady();
    await waitFor("its watch again", () => asked(from).has("contoso-ldap"));
    expect(lines()).toBe(before);
  });
});
