/** A real Active Directory on loopback: Samba, provisioned into a folder. Root; 127.0.0.2, ports 88, 389 and 636. */
import { readFileSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { Authority } from "./certificates.ts";
import { type Account, ADMINISTRATOR, BASE, HOST, TestDirectory } from "./directory.ts";
import { programMissing, run, startDaemon, stopDaemon, waitFor } from "./process.ts";

const ADDRESS = "127.0.0.2";

/** Undefined where Samba can run here; else why not, and how to get it. */
export async function sambaMissing(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "Samba needs root";
  return await programMissing(["samba", "--version"]);
}

export class Samba extends TestDirectory {
  readonly name = "Samba";
  readonly dialect = "Samba";
  readonly dir: string;
  readonly url = `ldaps://${HOST}`;
  readonly startTlsUrl = `ldap://${HOST}`;
  readonly otherNameUrl = `ldaps://${ADDRESS}`;

  constructor(dir: string) {
    super();
    this.dir = dir;
  }

  get ca(): string {
    return readFileSync(this.caFile, "utf8");
  }

  get caFile(): string {
    return `${this.dir}/ca.pem`;
  }

  get environment(): Readonly<Record<string, string>> {
    return { KRB5_CONFIG: `${this.dir}/krb5.conf`, LDAPTLS_CACERT: this.caFile };
  }

  async up(): Promise<void> {
    const { dir } = this;
    await mkdir(dir, { recursive: true });
    const settings = ["interfaces=127.0.0.2/8", "bind interfaces only=yes", "ad dc functional level = 2016"].map(
      (option) => `--option=${option}`,
    );
    const domain = [
      "--realm=CONTOSO.COM",
      "--domain=CONTOSO",
      "--server-role=dc",
      "--dns-backend=NONE",
      `--adminpass=${ADMINISTRATOR.password}`,
    ];
    const host = ["--host-name=dc1", `--host-ip=${ADDRESS}`, `--targetdir=${dir}/dc1`, "--base-schema=2019", "--function-level=2016"];
    await run("samba-tool", ["domain", "provision", ...domain, ...host, ...settings]);
    for (const name of ["run", "ncalrpc", "winbindd", "log"]) await mkdir(`${dir}/dc1/${name}`, { recursive: true });
    await mkdir("/run/samba", { recursive: true });
    const authority = await Authority.create("contoso-ca");
    const { cert, key } = await authority.certify([HOST]);
    await writeFile(this.caFile, authority.cert);
    await writeFile(`${dir}/dc1.pem`, cert);
    await writeFile(`${dir}/dc1.key`, key, { mode: 0o600 });
    const file = `${dir}/dc1/etc/smb.conf`;
    const global = [
      "server services = s3fs, rpc, ldap, cldap, kdc, drepl, winbindd, kcc",
      `pid directory = ${dir}/dc1/run`,
      `ncalrpc dir = ${dir}/dc1/ncalrpc`,
      `winbindd socket directory = ${dir}/dc1/winbindd`,
      `log file = ${dir}/dc1/log/samba.log`,
      `tls certfile = ${dir}/dc1.pem`,
      `tls keyfile = ${dir}/dc1.key`,
      `tls cafile = ${dir}/ca.pem`,
    ];
    const text = (await readFile(file, "utf8")).replaceAll(/^\s*(server services|log file) = .*\n/gm, "");
    await writeFile(file, text.replace("[global]\n", `[global]\n${global.map((line) => `\t${line}\n`).join("")}`));
    await writeFile(
      `${dir}/krb5.conf`,
      `[libdefaults]
 default_realm = CONTOSO.COM
 dns_lookup_realm = false
 dns_lookup_kdc = false
 dns_canonicalize_hostname = false
[realms]
 CONTOSO.COM = {
  kdc = ${ADDRESS}
 }
`,
    );
    await setHosts(`${ADDRESS} ${HOST} dc1`);
    await this.start();
    await this.addComputers();
  }

  async start(): Promise<void> {
    startDaemon(this.dir, "dc1", "samba", ["-F", "--no-process-group", "-s", `${this.dir}/dc1/etc/smb.conf`], this.environment);
    await waitFor("LDAPS of Samba", () => opens(636), Boolean, 60);
    await waitFor("a bind to Samba", () => this.asAdministrator(() => Promise.resolve(true)), Boolean, 60);
  }

  async stop(): Promise<void> {
    await stopDaemon(this.dir, "dc1");
    await waitFor("LDAPS of Samba to close", async () => !(await opens(636)), Boolean, 30);
  }

  /** A copy of all that it knows; it is away for that moment. */
  async copy(): Promise<string> {
    const copy = `${this.dir}/copy-${crypto.randomUUID()}`;
    await this.stop();
    await run("cp", ["-a", `${this.dir}/dc1/private`, copy]);
    await this.start();
    return copy;
  }

  /** Back to what it was when the copy was made, as after a restore of the machine. */
  async restore(copy: string): Promise<void> {
    await this.stop();
    await rm(`${this.dir}/dc1/private`, { recursive: true });
    await rename(copy, `${this.dir}/dc1/private`);
    await this.start();
  }

  async down(): Promise<void> {
    await stopDaemon(this.dir, "dc1");
    await setHosts(undefined);
  }

  async runSetupScript(script: string, password: string): Promise<void> {
    const env = { PASSWORD: password, SMB_CONF_PATH: `${this.dir}/dc1/etc/smb.conf` };
    await run("bash", ["-euo", "pipefail", "-c", script], { env });
  }

  /** Who may do what to an object, as SDDL. */
  async accessList(dn: string): Promise<string> {
    return await this.#tool("dsacl", "get", `--objectdn=${dn}`);
  }

  /** Takes an entry (SDDL) away and puts another one in its place. */
  async changeAccessList(dn: string, from: string | undefined, to: string | undefined): Promise<void> {
    if (from !== undefined) await this.#tool("dsacl", "delete", `--objectdn=${dn}`, `--sddl=${from}`);
    if (to !== undefined) await this.#tool("dsacl", "set", `--objectdn=${dn}`, "--action=allow", `--sddl=${to}`);
  }

  async grant(dn: string, sddl: string): Promise<void> {
    await this.changeAccessList(dn, undefined, sddl);
  }

  async revoke(dn: string, sddl: string): Promise<void> {
    await this.changeAccessList(dn, sddl, undefined);
  }

  selfJoin(user: Account, name: string): Promise<string> {
    return this.addWithCreator(user, name);
  }

  /** In one transaction beside the server: by LDAP each would be one, and wait for the disk. */
  protected async addContacts(names: readonly string[]): Promise<void> {
    const file = `${this.dir}/contacts.ldif`;
    await writeFile(file, names.map((name) => `dn: CN=${name},CN=Users,${BASE}\nobjectClass: contact\n`).join("\n"));
    await run("ldbadd", ["-H", `${this.dir}/dc1/private/sam.ldb`, file], { env: { SMB_CONF_PATH: `${this.dir}/dc1/etc/smb.conf` } });
  }

  #tool(...args: readonly string[]): Promise<string> {
    return run("samba-tool", args, { env: { SMB_CONF_PATH: `${this.dir}/dc1/etc/smb.conf` } });
  }

  async ticket(servicePrincipalName: string): Promise<string> {
    const cache = { KRB5CCNAME: `FILE:${this.dir}/ccache.${crypto.randomUUID()}`, ...this.environment };
    await run("kinit", ["Administrator"], { env: cache, input: `${ADMINISTRATOR.password}\n` });
    return await run("kvno", [servicePrincipalName], { env: cache });
  }
}

/** A line of ours in /etc/hosts, marked, so that it can be taken out again. */
async function setHosts(line: string | undefined): Promise<void> {
  const mark = "# serverfarm-operator tests";
  const others = (await readFile("/etc/hosts", "utf8")).split("\n").filter((text) => !text.endsWith(mark) && !text.includes(HOST));
  while (others.at(-1) === "") others.pop();
  await writeFile("/etc/hosts", `${[...others, ...(line === undefined ? [] : [`${line} ${mark}`])].join("\n")}\n`);
}

async function opens(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, ADDRESS);
  socket.once("connect", () => {
    resolve(true);
  });
  socket.once("error", () => {
    resolve(false);
  });
  return await promise.finally(() => socket.destroy());
}
