/** A real Active Directory on loopback: Samba, provisioned into a folder. Root; 127.0.0.2, ports 88, 389 and 636. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { Attribute, Change, Client, type Entry, type SearchOptions } from "ldapts";
import { makeAuthority, makeCertificate } from "./certificates.ts";
import { run, startDaemon, stopDaemon, waitFor } from "./process.ts";

export const BASE = "DC=contoso,DC=com";
export const COMPUTERS = ["WEB01", "WEB02", "WEB03", "WEB04", "WEB05", "WEB06"];
const COMPUTER_PASSWORD = "H0stPass!23";
const ADMIN_PASSWORD = "Passw0rd!dc1";
const ADDRESS = "127.0.0.2";
export const HOST = "dc1.contoso.com";

export interface Account {
  readonly username: string;
  readonly password: string;
}

export const ADMINISTRATOR: Account = { username: "Administrator@contoso.com", password: ADMIN_PASSWORD };

/** Undefined where Samba can run here; else why not, and how to get it. */
export async function sambaMissing(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "Samba needs root";
  try {
    await run("samba", ["--version"]);
    await run("openssl", ["version"]);
    return undefined;
  } catch {
    return "samba is not installed: npm run setup:real (Debian, root)";
  }
}

export class Samba {
  readonly dir: string;
  readonly url = `ldaps://${HOST}`;

  constructor(dir: string) {
    this.dir = dir;
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
    const domain = ["--realm=CONTOSO.COM", "--domain=CONTOSO", "--server-role=dc", "--dns-backend=NONE", `--adminpass=${ADMIN_PASSWORD}`];
    const host = ["--host-name=dc1", `--host-ip=${ADDRESS}`, `--targetdir=${dir}/dc1`, "--base-schema=2019", "--function-level=2016"];
    await run("samba-tool", ["domain", "provision", ...domain, ...host, ...settings]);
    for (const name of ["run", "ncalrpc", "winbindd", "log"]) await mkdir(`${dir}/dc1/${name}`, { recursive: true });
    await mkdir("/run/samba", { recursive: true });
    await makeAuthority(dir, "ca");
    await this.certify([`DNS:${HOST}`]);
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
    await this.asAdministrator(async (client) => {
      for (const name of COMPUTERS) await addComputer(client, name);
    });
  }

  /** A new certificate for the DC; it takes it when it starts. */
  async certify(names: readonly string[], days = 30): Promise<void> {
    await makeCertificate(this.dir, "ca", "dc1", names, days);
    await run("chmod", ["600", `${this.dir}/dc1.key`]);
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

  async down(): Promise<void> {
    await stopDaemon(this.dir, "dc1");
    await setHosts(undefined);
  }

  asAdministrator<T>(use: (client: Client) => Promise<T>): Promise<T> {
    return this.as(ADMINISTRATOR, use);
  }

  async as<T>({ username, password }: Account, use: (client: Client) => Promise<T>): Promise<T> {
    const client = new Client({ url: this.url, timeout: 20_000, tlsOptions: { ca: await readFile(this.caFile), servername: HOST } });
    try {
      await client.bind(username, password);
      return await use(client);
    } finally {
      await client.unbind();
    }
  }

  search(filter: string, attributes: readonly string[] = [], options: SearchOptions = {}, base = BASE): Promise<Entry[]> {
    return this.asAdministrator(
      async (client) =>
        (await client.search(base, { filter, attributes: [...attributes], explicitBufferAttributes: BINARY, ...options })).searchEntries,
    );
  }

  async find(samAccountName: string): Promise<Entry | undefined> {
    return (await this.search(`(sAMAccountName=${samAccountName})`))[0];
  }

  /** sAMAccountNames of the members, sorted. */
  async members(group: string): Promise<readonly string[]> {
    const entries = await this.search(`(memberOf:1.2.840.113556.1.4.1941:=${(await this.find(group))?.dn ?? "CN=none"})`, [
      "sAMAccountName",
    ]);
    return entries.map((entry) => String(entry["sAMAccountName"])).toSorted();
  }

  async modify(dn: string, operation: "add" | "delete" | "replace", attribute: string, values: readonly string[]): Promise<void> {
    await this.asAdministrator((client) => client.modify(dn, change(operation, attribute, values)));
  }

  /** The highest USN: a write of anybody raises it. */
  async usn(): Promise<bigint> {
    const [root] = await this.search("(objectClass=*)", ["highestCommittedUSN"], { scope: "base" }, "");
    return BigInt(String(root?.["highestCommittedUSN"]));
  }

  /** Whether the computer, bound as itself, is given the managed password. */
  retrieves(computer: string, accountDn: string): Promise<boolean> {
    return this.as({ username: `${computer}$@contoso.com`, password: COMPUTER_PASSWORD }, async (client) => {
      const { searchEntries } = await client.search(accountDn, {
        scope: "base",
        attributes: ["msDS-ManagedPassword"],
        explicitBufferAttributes: ["msDS-ManagedPassword"],
      });
      const value = searchEntries[0]?.["msDS-ManagedPassword"];
      return Buffer.isBuffer(value) && value.length > 256;
    });
  }

  /** The ticket that a client gets for the SPN; rejects where there is none. */
  async ticket(servicePrincipalName: string): Promise<string> {
    const cache = { KRB5CCNAME: `FILE:${this.dir}/ccache.${crypto.randomUUID()}`, ...this.environment };
    await run("kinit", ["Administrator"], { env: cache, input: `${ADMIN_PASSWORD}\n` });
    return await run("kvno", [servicePrincipalName], { env: cache });
  }
}

const BINARY = ["objectGUID", "objectSid", "msDS-GroupMSAMembership", "nTSecurityDescriptor"];

export function change(operation: "add" | "delete" | "replace", type: string, values: readonly string[]): Change {
  return new Change({ operation, modification: new Attribute({ type, values: [...values] }) });
}

function quoted(password: string): Buffer {
  return Buffer.from(`"${password}"`, "utf16le");
}

export async function addComputer(
  client: Client,
  name: string,
  attributes: Readonly<Record<string, string | string[]>> = {},
): Promise<string> {
  const dn = `CN=${name},CN=Computers,${BASE}`;
  await client.add(dn, [
    ...Object.entries({
      objectClass: "computer",
      sAMAccountName: `${name}$`,
      userAccountControl: "4096",
      dNSHostName: `${name.toLowerCase()}.contoso.com`,
      ...attributes,
    }).map(([type, values]) => new Attribute({ type, values: Array.isArray(values) ? values : [values] })),
    new Attribute({ type: "unicodePwd", values: [quoted(COMPUTER_PASSWORD)] }),
  ]);
  return dn;
}

export async function addUser(client: Client, name: string, password: string): Promise<string> {
  const dn = `CN=${name},CN=Users,${BASE}`;
  await client.add(dn, [
    ...Object.entries({
      objectClass: "user",
      sAMAccountName: name,
      userPrincipalName: `${name}@contoso.com`,
      userAccountControl: "512",
    }).map(([type, value]) => new Attribute({ type, values: [value] })),
    new Attribute({ type: "unicodePwd", values: [quoted(password)] }),
  ]);
  return dn;
}

export async function setPassword(client: Client, dn: string, password: string): Promise<void> {
  await client.modify(
    dn,
    new Change({ operation: "replace", modification: new Attribute({ type: "unicodePwd", values: [quoted(password)] }) }),
  );
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
