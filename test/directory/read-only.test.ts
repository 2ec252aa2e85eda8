/** A read-only domain controller does not get the operator's password. */
import { afterEach, describe, expect, test } from "vitest";
import { LdapSession } from "../../src/directory/session.ts";
import { ADMINISTRATOR } from "../harness/directory.ts";
import { SandboxDirectory } from "../harness/sandbox-directory.ts";

describe("what is sent to a domain controller on a new connection", () => {
  let directory: SandboxDirectory | undefined;

  afterEach(async () => {
    await directory?.stop();
  });

  async function open(isReadOnly: boolean): Promise<{ readonly sent: readonly string[]; readonly end: unknown }> {
    directory = await SandboxDirectory.create({ isReadOnly });
    const sent: string[] = [];
    const end = await LdapSession.open({
      servers: [directory.url],
      ca: directory.ca,
      ...ADMINISTRATOR,
      fence: { until: Number.POSITIVE_INFINITY },
      observe: (operation) => sent.push(operation),
    }).catch((error: unknown) => error);
    if (end instanceof LdapSession) end.close();
    return { sent, end };
  }

  test("read-only: what it is, and nothing else", async () => {
    const { sent, end } = await open(true);
    expect(sent).toEqual(["connect", "search"]);
    expect(String(end)).toContain("is a read-only domain controller: name a writable one in spec.servers");
  });

  test("writable: the password after that", async () => {
    const { sent, end } = await open(false);
    expect(end).toBeInstanceOf(LdapSession);
    expect(sent.slice(0, 3)).toEqual(["connect", "search", "bind"]);
  });
});
