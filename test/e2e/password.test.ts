/** When the password changes: what the farm says is what a host reads beside the password itself. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BASE } from "../harness/directory.ts";
import { DELEGATED, delegate } from "../harness/delegation.ts";
import type { Operator } from "../harness/operator.ts";
import { waitFor } from "../harness/process.ts";
import {
  applyDomain,
  available,
  cleanUp,
  cluster,
  createNamespace,
  directory,
  domainReady,
  farmOf,
  farmReady,
  patchFarm,
  startOperator,
} from "../harness/world.ts";

const NAMESPACE = "password";
const TICKS = 10_000n;

/** Of MSDS-MANAGEDPASSWORD_BLOB (MS-ADTS 2.2.19), in milliseconds: until the host should ask again, and for how long the password stays. */
function intervals(blob: Buffer): { readonly query: number; readonly unchanged: number } {
  const at = (offset: number): number => Number(blob.readBigUInt64LE(blob.readUInt16LE(offset)) / TICKS);
  return { query: at(12), unchanged: at(14) };
}

describe.skipIf(!available)("the password's next change", () => {
  let operator: Operator;

  beforeAll(async () => {
    await delegate(directory);
    await createNamespace(NAMESPACE);
    await applyDomain({ account: DELEGATED, spec: { defaults: { accountContainer: "OU=Farms", groupContainer: "OU=Farms" } } });
    operator = await startOperator();
    await domainReady();
  });

  afterAll(async () => {
    await cleanUp();
    expect(await operator.stop()).toBe(0);
  });

  test.each([1, 30, 365])("with an interval of %i days is when a host is told to ask again", async (passwordIntervalDays) => {
    const name = `pass${passwordIntervalDays}`;
    await cluster.apply(
      farmOf(NAMESPACE, name, { account: { passwordIntervalDays }, hosts: { grant: "Principals", computers: ["WEB01"] } }),
    );
    const { status } = await farmReady(NAMESPACE, name);
    const { distinguishedName = "", passwordNextChange = "", passwordLastChanged = "", kdsRootKeyID } = status?.account ?? {};
    const blob = await directory.managedPassword("WEB01", distinguishedName);
    if (!blob) throw new Error("WEB01 is not given the password");
    const now = Date.now();
    const { query, unchanged } = intervals(blob);
    const told = Date.parse(passwordNextChange) - now;
    const said = JSON.stringify({ passwordNextChange, passwordLastChanged, told, query, unchanged });
    // Five minutes before the change a host must not count on the password any more, and is given the next one.
    expect(query - unchanged, said).toBe(300_000);
    expect(Math.abs(told - query), said).toBeLessThan(120_000);
    expect(Date.parse(passwordNextChange) % 36_000_000, said).toBe((Date.UTC(1601, 0) % 36_000_000) + 36_000_000);
    expect(kdsRootKeyID).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    const [key] = await directory.search("(objectClass=msKds-ProvRootKey)", ["cn"], {}, "CN=Configuration,DC=contoso,DC=com");
    expect(String(key?.["cn"]).toLowerCase()).toBe(kdsRootKeyID);
  });

  test("that was due is said, until a host asks and so makes it", async () => {
    const hosts = { grant: "Principals", computers: ["WEB01"] };
    for (const name of ["due", "off"]) await cluster.apply(farmOf(NAMESPACE, name, { account: { passwordIntervalDays: 30 }, hosts }));
    const due = (name: string): Promise<number> =>
      operator.metric("serverfarm_farm_password_next_change_timestamp_seconds", { namespace: NAMESPACE, name });
    const { status } = await farmReady(NAMESPACE, "due");
    await farmReady(NAMESPACE, "off");
    for (const name of ["due", "off"]) {
      await directory.agePassword(`CN=${name},OU=Farms,${BASE}`, 100);
      await waitFor(
        "the change to be due",
        () => due(name),
        (at) => at > 0 && at < Date.now() / 1000 - 60 * 86_400,
      );
    }
    // Of an account that nobody may use no password is missed.
    await patchFarm(NAMESPACE, "off", { account: { enabled: false } });
    await waitFor(
      "the disabled account to be left out",
      () => due("off"),
      (at) => at === 0,
    );
    expect(await directory.retrieves("WEB01", status?.account?.["distinguishedName"] ?? "")).toBe(true);
    await waitFor(
      "the change to be made",
      () => due("due"),
      (at) => at > Date.now() / 1000,
    );
  });
});
