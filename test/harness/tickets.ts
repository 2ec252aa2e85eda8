/** Whose service a client reaches: the account whose key decrypts the ticket that the KDC issues. */
import { rm } from "node:fs/promises";
import { ADMINISTRATOR, type TestDirectory } from "./directory.ts";
import { run } from "./process.ts";
import { Samba } from "./samba.ts";

/**
 * Of these accounts (sAMAccountNames) those whose keys decrypt the ticket for the name; undefined where there is no Kerberos. Rejects where no ticket is
 * issued.
 */
export async function decryptedBy(
  directory: TestDirectory,
  servicePrincipalName: string,
  accounts: readonly string[],
): Promise<readonly string[] | undefined> {
  if (!(directory instanceof Samba)) return undefined;
  const { dir, environment } = directory;
  const id = crypto.randomUUID();
  const env = { ...environment, KRB5CCNAME: `FILE:${dir}/ccache.${id}`, SMB_CONF_PATH: `${dir}/dc1/etc/smb.conf` };
  await run("kinit", ["Administrator"], { env, input: `${ADMINISTRATOR.password}\n` });
  await run("kvno", [servicePrincipalName], { env });
  const holders: string[] = [];
  for (const account of accounts) {
    const keytab = `${dir}/keytab.${crypto.randomUUID()}`;
    await run("samba-tool", ["domain", "exportkeytab", keytab, `--principal=${account}`], { env });
    const decrypts = await run("kvno", ["-k", keytab, servicePrincipalName], { env }).then(
      () => true,
      () => false,
    );
    if (decrypts) holders.push(account);
    await rm(keytab, { force: true });
  }
  return holders;
}
