/** An operator's account with the rights of docs/domain-setup.md, and no others: the page's own commands are run. */
import { readFile } from "node:fs/promises";
import type { Account, TestDirectory } from "./directory.ts";

export const DELEGATED: Account = { username: "svc-farms@contoso.com", password: "Canary-8f2c!Secret" };

export async function delegate(directory: TestDirectory): Promise<void> {
  if (await directory.find("svc-farms")) return;
  const page = await readFile(new URL("../../docs/domain-setup.md", import.meta.url), "utf8");
  const script = /```bash\n(samba-tool ou add[\s\S]*?)```/.exec(page)?.[1];
  if (script === undefined) throw new Error("docs/domain-setup.md has no script for Samba");
  await directory.runSetupScript(script, DELEGATED.password);
}
