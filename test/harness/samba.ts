/** A real Active Directory on loopback: Samba, provisioned into a folder. Root; 127.0.0.2 and, of a second one, 127.0.0.3, ports 88, 389 and 636. */
import { readFileSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { decodeGuid } from "../../src/names/identifier.ts";
import { Authority } from "./certificates.ts";
import { type Account, ADMINISTRATOR, BASE, HOST, TestDirectory } from "./directory.ts";
import { programMissing, run, runs, signalDaemon, startDaemon, stopDaemon, waitFor } from "./process.ts";

interface Machine {
  readonly name: string;
  readonly address: string;
  readonly host: string;
}

const FIRST: Machine = { name: "dc1", address: "127.0.0.2", host: HOST };
const SECOND: Machine = { name: "dc2", address: "127.0.0.3", host: "dc2.contoso.com" };

function lineOf({ address, host, name }: Machine, ...aliases: readonly string[]): string {
  return [address, host, name, ...aliases].join(" ");
}

/** The interface by which domain controllers replicate (MS-DRSR 2.2.2): the service class of their names for it. */
const REPLICATION = "E3514235-4B06-11D1-AB04-00C04FC2DCD2";

/** The settings that both are made with. */
function settingsOf({ address }: Machine): readonly string[] {
  return [`interfaces=${address}/8`, "bind interfaces only=yes", "ad dc functional level = 2016"].map((option) => `--option=${option}`);
}

/** Bits of `options` of a domain controller's NTDS Settings (MS-ADTS 6.1.1.2.2.1.2.1.1). */
const IS_GC = 0x1;
const DISABLE_INBOUND_REPL = 0x2;

/** Undefined where Samba can run here; else why not, and how to get it. */
export async function sambaMissing(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "Samba needs root";
  return await programMissing(["samba", "--version"]);
}

export class Samba extends TestDirectory {
  readonly name = "Samba";
  readonly dialect = "Samba";
  readonly dir: string;
  readonly #machine: Machine;

  constructor(dir: string, machine: Machine = FIRST) {
    super();
    this.dir = dir;
    this.#machine = machine;
  }

  /** The name that its certificate bears. */
  get host(): string {
    return this.#machine.host;
  }

  get url(): string {
    return `ldaps://${this.host}`;
  }

  get startTlsUrl(): string {
    return `ldap://${this.host}`;
  }

  get otherNameUrl(): string {
    return `ldaps://${this.#machine.address}`;
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

  get #home(): string {
    return `${this.dir}/${this.#machine.name}`;
  }

  get #settings(): string {
    return `${this.#home}/etc/smb.conf`;
  }

  async up(): Promise<void> {
    const { dir } = this;
    await mkdir(dir, { recursive: true });
    const domain = [
      "--realm=CONTOSO.COM",
      "--domain=CONTOSO",
      "--server-role=dc",
      "--dns-backend=NONE",
      `--adminpass=${ADMINISTRATOR.password}`,
    ];
    const { name, address } = this.#machine;
    const host = [
      `--host-name=${name}`,
      `--host-ip=${address}`,
      `--targetdir=${this.#home}`,
      "--base-schema=2019",
      "--function-level=2016",
    ];
    await run("samba-tool", ["domain", "provision", ...domain, ...host, ...settingsOf(this.#machine)]);
    await mkdir("/run/samba", { recursive: true });
    const authority = await Authority.create("contoso-ca");
    await writeFile(this.caFile, authority.cert);
    for (const machine of [FIRST, SECOND]) {
      const { cert, key } = await authority.certify([machine.host]);
      await writeFile(`${dir}/${machine.name}.pem`, cert);
      await writeFile(`${dir}/${machine.name}.key`, key, { mode: 0o600 });
    }
    await this.#configure();
    await writeFile(
      `${dir}/krb5.conf`,
      `[libdefaults]
 default_realm = CONTOSO.COM
 dns_lookup_realm = false
 dns_lookup_kdc = false
 dns_canonicalize_hostname = false
[realms]
 CONTOSO.COM = {
  kdc = ${FIRST.address}
  kdc = ${SECOND.address}
 }
`,
    );
    await setHosts(lineOf(this.#machine));
    await this.start();
    await this.addComputers();
  }

  /** What neither provisioning nor joining sets: folders of its own, its certificate, and no service that needs more. */
  async #configure(): Promise<void> {
    const home = this.#home;
    for (const folder of ["run", "ncalrpc", "winbindd", "log"]) await mkdir(`${home}/${folder}`, { recursive: true });
    const global = [
      "server services = s3fs, rpc, ldap, cldap, kdc, drepl, winbindd, kcc",
      `pid directory = ${home}/run`,
      `ncalrpc dir = ${home}/ncalrpc`,
      `winbindd socket directory = ${home}/winbindd`,
      `log file = ${home}/log/samba.log`,
      `tls certfile = ${home}.pem`,
      `tls keyfile = ${home}.key`,
      `tls cafile = ${this.caFile}`,
    ];
    const text = (await readFile(this.#settings, "utf8")).replaceAll(/^\s*(server services|log file) = .*\n/gm, "");
    await writeFile(this.#settings, text.replace("[global]\n", `[global]\n${global.map((line) => `\t${line}\n`).join("")}`));
  }

  /** Another domain controller of the same domain, once it joins. */
  second(): Samba {
    return new Samba(this.dir, SECOND);
  }

  /** The second one joins the first, and the two replicate. `leave` takes it out again. */
  async join(): Promise<void> {
    const first = new Samba(this.dir);
    await this.#joinAs("DC");
    const [one, two] = [await first.#directoryService(FIRST.name), await first.#directoryService(SECOND.name)];
    // They find each other by their databases' names, in DNS and for Kerberos. The one that joins registers its own.
    const replication = `${REPLICATION}/${one.objectGUID}/contoso.com`;
    const machine = await first.find(`${FIRST.name}$`);
    if (machine && (await first.search(`(servicePrincipalName=${replication})`)).length === 0)
      await first.modify(machine.dn, "add", "servicePrincipalName", [replication]);
    await setHosts(lineOf(FIRST, `${one.objectGUID}._msdcs.contoso.com`), lineOf(SECOND, `${two.objectGUID}._msdcs.contoso.com`));
    await this.start();
    // On a busy machine the program that works out who replicates with whom is given up at the first try.
    for (const { name } of [FIRST, SECOND])
      await waitFor(`${name} to know with whom it replicates`, () => first.#tool("drs", "kcc", name, ...CREDENTIALS), Boolean, 180);
    await this.pull(first);
    await first.pull(this);
  }

  /** The second one joins the first, and may not be written to. It knows nobody's password, so nobody binds to it. `leave` takes it out again. */
  async joinReadOnly(): Promise<void> {
    await this.#joinAs("RODC");
    await setHosts(lineOf(FIRST), lineOf(SECOND));
    await this.#listen();
  }

  async #joinAs(role: "DC" | "RODC"): Promise<void> {
    const how = [`--server=${FIRST.address}`, `--targetdir=${this.#home}`, "--dns-backend=NONE", ...settingsOf(SECOND)];
    await run("samba-tool", ["domain", "join", "contoso.com", role, ...CREDENTIALS, "--option=netbios name=DC2", ...how], {
      env: this.environment,
    });
    await this.#configure();
  }

  /** It was the second one, joined or half joined. The first knows nothing of it any more. */
  async leave(): Promise<void> {
    await stopDaemon(this.dir, this.#machine.name);
    const first = new Samba(this.dir);
    // A test that failed may have left it dead.
    if (!runs(this.dir, FIRST.name)) await first.start();
    await first.#tool(
      "domain",
      "demote",
      `--remove-other-dead-server=${this.#machine.name.toUpperCase()}`,
      "-H",
      first.startTlsUrl,
      ...CREDENTIALS,
    );
    await rm(this.#home, { recursive: true, force: true });
    await setHosts(lineOf(FIRST));
    // It keeps tickets for the one that left, which would not do for another of that name.
    await first.stop();
    await first.start();
  }

  /** Has all that the other has, once this resolves. Two that have only just met, or met again, need a moment. */
  async pull(from: Samba): Promise<void> {
    const [to, source] = [this.#machine.name, from.#machine.name];
    const replicate = (): Promise<string> => this.#tool("drs", "replicate", to, source, BASE, ...CREDENTIALS);
    await waitFor(`${to} to have what ${source} has`, replicate, Boolean, 60);
  }

  /** Whether it takes in what others know. */
  async replicates(whether: boolean): Promise<void> {
    const { dn } = await this.#directoryService(this.#machine.name);
    await this.modify(dn, "replace", "options", [String(whether ? IS_GC : IS_GC | DISABLE_INBOUND_REPL)]);
  }

  /** The object that stands for a domain controller's database. */
  async #directoryService(name: string): Promise<{ readonly dn: string; readonly objectGUID: string }> {
    const found = await this.search("(objectClass=nTDSDSA)", ["objectGUID"], {}, `CN=Sites,CN=Configuration,${BASE}`);
    const entry = found.find(({ dn }) => dn.toLowerCase().includes(`,cn=${name},`));
    const guid = entry?.["objectGUID"];
    if (!entry || !Buffer.isBuffer(guid)) throw new Error(`${name} is no domain controller`);
    return { dn: entry.dn, objectGUID: decodeGuid(guid) };
  }

  async start(): Promise<void> {
    await this.#listen();
    await waitFor("a bind to Samba", () => this.asAdministrator(() => Promise.resolve(true)), Boolean, 60);
  }

  async #listen(): Promise<void> {
    const { name, address } = this.#machine;
    startDaemon(this.dir, name, "samba", ["-F", "--no-process-group", "-s", this.#settings], this.environment);
    await waitFor("LDAPS of Samba", () => opens(address), Boolean, 60);
  }

  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  /** As when its machine loses power: nothing is ended, and nothing is passed on. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    await stopDaemon(this.dir, this.#machine.name, signal);
    await waitFor("LDAPS of Samba to close", async () => !(await opens(this.#machine.address)), Boolean, 30);
  }

  /** It does nothing any more, and nobody is told: connections stay, and new ones are taken, but not answered. */
  freeze(): void {
    signalDaemon(this.dir, this.#machine.name, "SIGSTOP");
  }

  thaw(): void {
    signalDaemon(this.dir, this.#machine.name, "SIGCONT");
  }

  /** A copy of all that it knows; it is away for that moment. */
  async copy(): Promise<string> {
    const copy = `${this.dir}/copy-${crypto.randomUUID()}`;
    await this.stop();
    await run("cp", ["-a", `${this.#home}/private`, copy]);
    await this.start();
    return copy;
  }

  /** Back to what it was when the copy was made, as after a restore of the machine. */
  async restore(copy: string): Promise<void> {
    await this.stop();
    await rm(`${this.#home}/private`, { recursive: true });
    await rename(copy, `${this.#home}/private`);
    await this.start();
  }

  async down(): Promise<void> {
    for (const { name } of [SECOND, FIRST]) await stopDaemon(this.dir, name);
    await setHosts();
  }

  async runSetupScript(script: string, password: string): Promise<void> {
    const env = { PASSWORD: password, SMB_CONF_PATH: this.#settings };
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
    const file = `${this.#home}/contacts.ldif`;
    await writeFile(file, names.map((name) => `dn: CN=${name},CN=Users,${BASE}\nobjectClass: contact\n`).join("\n"));
    await run("ldbadd", ["-H", `${this.#home}/private/sam.ldb`, file], { env: { SMB_CONF_PATH: this.#settings } });
  }

  protected async overwrite(dn: string, attribute: string, value: Buffer): Promise<void> {
    const ldif = `dn: ${dn}\nchangetype: modify\nreplace: ${attribute}\n${attribute}:: ${value.toString("base64")}\n`;
    const env = { SMB_CONF_PATH: this.#settings };
    await run("ldbmodify", ["-H", `${this.#home}/private/sam.ldb`, "--relax"], { env, input: ldif });
  }

  #tool(...args: readonly string[]): Promise<string> {
    return run("samba-tool", args, { env: { SMB_CONF_PATH: this.#settings } });
  }

  async ticket(servicePrincipalName: string): Promise<string> {
    const cache = { KRB5CCNAME: `FILE:${this.dir}/ccache.${crypto.randomUUID()}`, ...this.environment };
    await run("kinit", ["Administrator"], { env: cache, input: `${ADMINISTRATOR.password}\n` });
    return await run("kvno", [servicePrincipalName], { env: cache });
  }
}

const CREDENTIALS = ["-U", `Administrator%${ADMINISTRATOR.password}`];

/** Lines of ours in /etc/hosts, marked, so that they can be taken out again. */
async function setHosts(...lines: readonly string[]): Promise<void> {
  const mark = "# serverfarm-operator tests";
  const others = (await readFile("/etc/hosts", "utf8")).split("\n").filter((text) => !text.endsWith(mark) && !text.includes(HOST));
  while (others.at(-1) === "") others.pop();
  await writeFile("/etc/hosts", `${[...others, ...lines.map((line) => `${line} ${mark}`)].join("\n")}\n`);
}

async function opens(address: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(636, address);
  socket.once("connect", () => {
    resolve(true);
  });
  socket.once("error", () => {
    resolve(false);
  });
  return await promise.finally(() => socket.destroy());
}
