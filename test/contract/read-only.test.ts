/** What a domain controller is told before it gets the operator's password: a read-only one, or one that does not say what it is, gets none. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LdapSession } from "../../src/directory/session.ts";
import { LdapProxy } from "../faults/ldap-proxy.ts";
import { type Effect, matching, Schedule } from "../faults/schedule.ts";
import { ADMINISTRATOR } from "../harness/directory.ts";
import { Samba } from "../harness/samba.ts";
import { SandboxDirectory } from "../harness/sandbox-directory.ts";
import { available, directory as writable } from "../harness/world.ts";

interface Server {
  readonly url: string;
  readonly ca: string;
}

/** What was sent, and what became of it. */
async function open(...servers: readonly Server[]): Promise<{ readonly sent: readonly string[]; readonly end: unknown }> {
  const sent: string[] = [];
  const end = await LdapSession.open({
    servers: servers.map(({ url }) => url),
    ca: servers.map(({ ca }) => ca).join("\n"),
    ...ADMINISTRATOR,
    fence: { until: Number.POSITIVE_INFINITY },
    observe: (operation) => sent.push(operation),
  }).catch((error: unknown) => error);
  if (end instanceof LdapSession) end.close();
  return { sent, end };
}

/** Asked for by name, as for two that replicate: it joins a second domain controller and takes it out again. */
const isAsked = available && (writable instanceof SandboxDirectory || process.env["TWO_SERVERS"] === "1");
const dialects = writable instanceof SandboxDirectory ? (["Windows", "Samba"] as const) : (["Samba"] as const);

describe.skipIf(!isAsked).each(dialects)("a read-only domain controller that speaks as %s does", (dialect) => {
  let readOnly: SandboxDirectory | Samba;

  beforeAll(async () => {
    if (writable instanceof Samba) {
      readOnly = writable.second();
      await readOnly.joinReadOnly();
    } else readOnly = await SandboxDirectory.create({ dialect, isReadOnly: true, authorityName: "read-only-ca" });
  }, 400_000);

  afterAll(async () => {
    await (readOnly instanceof Samba ? readOnly.leave() : readOnly.stop());
  }, 400_000);

  test("gets no password", async () => {
    const { sent, end } = await open(readOnly);
    expect(sent).toEqual(dialect === "Windows" ? ["connect", "search"] : ["connect", "search", "search"]);
    expect(String(end)).toContain("is a read-only domain controller: name a writable one in spec.servers");
  });

  test("leaves the next server its turn", async () => {
    const { sent, end } = await open(readOnly, writable);
    expect(end).toMatchObject({ url: writable.url });
    expect(sent.filter((operation) => operation === "bind")).toHaveLength(1);
  });
});

test.skipIf(!available)("a writable domain controller gets the password after two questions", async () => {
  const { sent, end } = await open(writable);
  expect(end).toBeInstanceOf(LdapSession);
  expect(sent.slice(0, 4)).toEqual(["connect", "search", "search", "bind"]);
});

const busy: Effect = { kind: "Error", code: 51, text: "busy" };
const refused: Effect = { kind: "Error", code: 50, text: "refused" };

test.skipIf(!available).each([
  ["busy, at the first question", 1, busy, false],
  ["busy, at the second", 2, busy, false],
  ["not willing to say, at the first", 1, refused, false],
  // Its capabilities say what a Windows one is.
  ["not willing to answer a ping", 2, refused, true],
] as const)("a domain controller that is %s", async (_, nth, effect, gets) => {
  const schedule = new Schedule([{ matches: matching("ldap", "search"), when: { nth }, effect }]);
  const proxy = await LdapProxy.start(writable, schedule);
  try {
    const { sent, end } = await open(proxy);
    expect(sent.includes("bind")).toBe(gets);
    expect(end instanceof LdapSession).toBe(gets);
    expect(schedule.done).toHaveLength(1);
  } finally {
    await proxy.stop();
  }
});
