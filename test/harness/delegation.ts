/** An operator's account with the rights of docs/domain-setup.md, and no others: the page's own commands are run. */
import { readFile } from "node:fs/promises";
import { run } from "./process.ts";
import type { Account, Samba } from "./samba.ts";

export const DELEGATED: Account = { username: "svc-farms@contoso.com", password: "Canary-8f2c!Secret" };

export async function delegate(samba: Samba): Promise<void> {
  if (await samba.find("svc-farms")) return;
  const page = await readFile(new URL("../../docs/domain-setup.md", import.meta.url), "utf8");
  const script = /```bash\n(samba-tool ou add[\s\S]*?)```/.exec(page)?.[1];
  if (script === undefined) throw new Error("docs/domain-setup.md has no script for Samba");
  const env = { PASSWORD: DELEGATED.password, SMB_CONF_PATH: `${samba.dir}/dc1/etc/smb.conf` };
  await run("bash", ["-euo", "pipefail", "-c", script], { env });
}
