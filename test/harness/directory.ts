/** Active Directory as tests use it, whatever serves it: somebody else who looks and writes. */
import { Attribute, Change, Client, type Entry, type SearchOptions } from "ldapts";

export const BASE = "DC=contoso,DC=com";
export const HOST = "dc1.contoso.com";
export const COMPUTERS = ["WEB01", "WEB02", "WEB03", "WEB04", "WEB05", "WEB06"];
export const COMPUTER_PASSWORD = "H0stPass!23";

export interface Account {
  readonly username: string;
  readonly password: string;
}

export const ADMINISTRATOR: Account = { username: "Administrator@contoso.com", password: "Passw0rd!dc1" };

const BINARY = [
  "objectGUID",
  "objectSid",
  "msDS-GroupMSAMembership",
  "nTSecurityDescriptor",
  "mS-DS-CreatorSID",
  "msDS-ManagedPassword",
  "msDS-ManagedPasswordId",
];

export abstract class TestDirectory {
  abstract readonly name: string;
  /** Whose results and texts it answers with. */
  abstract readonly dialect: "Windows" | "Samba";
  /** With the name that its certificate bears. */
  abstract readonly url: string;
  abstract readonly startTlsUrl: string;
  /** Reaches it, but its certificate does not bear this name. */
  abstract readonly otherNameUrl: string;
  /** PEM. */
  abstract readonly ca: string;

  abstract start(): Promise<void>;
  abstract stop(): Promise<void>;
  /** Runs the script of docs/domain-setup.md. */
  abstract runSetupScript(script: string, password: string): Promise<void>;
  /** The Kerberos ticket that a client gets for the SPN; undefined where there is no Kerberos. Rejects where there is no ticket. */
  abstract ticket(servicePrincipalName: string): Promise<string | undefined>;

  /** Puts an entry (SDDL) into an object's access list, or takes it out. */
  abstract grant(dn: string, sddl: string): Promise<void>;
  abstract revoke(dn: string, sddl: string): Promise<void>;
  /** A computer as an ordinary user makes it by ms-DS-MachineAccountQuota: it bears that user's SID. */
  abstract selfJoin(user: Account, name: string): Promise<string>;

  /** Very many objects that can be members of a group and nothing else, by the shortest way that the server has: distinguished names. */
  async addCrowd(count: number): Promise<readonly string[]> {
    const names = Array.from({ length: count }, (_, index) => `Crowd${index}`);
    await this.addContacts(names);
    return names.map((name) => `CN=${name},CN=Users,${BASE}`);
  }

  /** Contacts in CN=Users. */
  protected abstract addContacts(names: readonly string[]): Promise<void>;

  asAdministrator<T>(use: (client: Client) => Promise<T>): Promise<T> {
    return this.as(ADMINISTRATOR, use);
  }

  async as<T>({ username, password }: Account, use: (client: Client) => Promise<T>): Promise<T> {
    const client = new Client({ url: this.url, timeout: 20_000, tlsOptions: { ca: this.ca, servername: new URL(this.url).hostname } });
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
  async retrieves(computer: string, accountDn: string): Promise<boolean> {
    return (await this.managedPassword(computer, accountDn)) !== undefined;
  }

  /** MSDS-MANAGEDPASSWORD_BLOB, as the computer, bound as itself, is given it. */
  managedPassword(computer: string, accountDn: string): Promise<Buffer | undefined> {
    return this.as({ username: `${computer}$@contoso.com`, password: COMPUTER_PASSWORD }, async (client) => {
      const { searchEntries } = await client.search(accountDn, {
        scope: "base",
        attributes: ["msDS-ManagedPassword"],
        explicitBufferAttributes: ["msDS-ManagedPassword"],
      });
      const value = searchEntries[0]?.["msDS-ManagedPassword"];
      return Buffer.isBuffer(value) && value.length > 256 ? value : undefined;
    });
  }

  /** As if its password had been changed so many days earlier than it was. */
  async agePassword(dn: string, days: number): Promise<void> {
    const [entry] = await this.search("(objectClass=*)", ["msDS-ManagedPasswordId"], { scope: "base" }, dn);
    const id = entry?.["msDS-ManagedPasswordId"];
    if (!Buffer.isBuffer(id)) throw new Error(`${dn} has no password`);
    // The step of ten hours whose key it is made of (MS-GKDI 2.2.4): 32 of the lowest make one of the middle, 32 of those one of the highest.
    const [highest, middle, lowest] = [12, 16, 20].map((offset) => id.readUInt32LE(offset));
    let step = ((highest ?? 0) * 32 + (middle ?? 0)) * 32 + (lowest ?? 0) - Math.floor((days * 24) / 10);
    const aged = Buffer.from(id);
    for (const [offset, count] of [
      [20, 32],
      [16, 32],
      [12, Number.POSITIVE_INFINITY],
    ] as const) {
      aged.writeUInt32LE(step % count, offset);
      step = Math.floor(step / count);
    }
    await this.overwrite(dn, "msDS-ManagedPasswordId", aged);
    // No key is made of a root key that was not in force then (100 ns since 1601).
    const then = String((BigInt(Date.now()) + 11_644_473_600_000n - BigInt(days + 1) * 86_400_000n) * 10_000n);
    for (const key of await this.search("(objectClass=msKds-ProvRootKey)", ["cn"], {}, `CN=Configuration,${BASE}`))
      await this.modify(key.dn, "replace", "msKds-UseStartTime", [then]);
  }

  /** Sets what is the server's own to set. */
  protected abstract overwrite(dn: string, attribute: string, value: Buffer): Promise<void>;

  /** Samba lets no ordinary user make computers, but an administrator say at creation who did. */
  protected async addWithCreator({ username }: Account, name: string): Promise<string> {
    const maker = (await this.find(username.split("@")[0] ?? ""))?.["objectSid"];
    if (!Buffer.isBuffer(maker)) throw new Error(`${username} is not there`);
    return await this.asAdministrator((client) => addComputer(client, name, { "mS-DS-CreatorSID": maker }));
  }

  async addComputers(): Promise<void> {
    await this.asAdministrator(async (client) => {
      for (const name of COMPUTERS) await addComputer(client, name);
    });
  }
}

export function change(operation: "add" | "delete" | "replace", type: string, values: readonly string[]): Change {
  return new Change({ operation, modification: new Attribute({ type, values: [...values] }) });
}

function attributeOf(type: string, values: string | string[] | Buffer): Attribute {
  if (Buffer.isBuffer(values)) return new Attribute({ type, values: [values] });
  return new Attribute({ type, values: Array.isArray(values) ? values : [values] });
}

function quoted(password: string): Buffer {
  return Buffer.from(`"${password}"`, "utf16le");
}

export async function addComputer(
  client: Client,
  name: string,
  attributes: Readonly<Record<string, string | string[] | Buffer>> = {},
): Promise<string> {
  const dn = `CN=${name},CN=Computers,${BASE}`;
  await client.add(dn, [
    ...Object.entries({
      objectClass: "computer",
      sAMAccountName: `${name}$`,
      userAccountControl: "4096",
      dNSHostName: `${name.toLowerCase()}.contoso.com`,
      ...attributes,
    }).map(([type, values]) => attributeOf(type, values)),
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
