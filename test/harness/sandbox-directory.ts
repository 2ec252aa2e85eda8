/** The sandbox's Active Directory, with the domain that tests know. Needs nothing but Node. */
import { Directory } from "../sandbox/directory/directory.ts";
import type { Dialect } from "../sandbox/directory/failure.ts";
import { classChain } from "../sandbox/directory/schema.ts";
import { provision } from "../sandbox/directory/provision.ts";
import { DirectoryServer } from "../sandbox/directory/server.ts";
import { Authority } from "./certificates.ts";
import { type Account, addComputer, addUser, change, ADMINISTRATOR, BASE, HOST, TestDirectory } from "./directory.ts";
import { run } from "./process.ts";

export class SandboxDirectory extends TestDirectory {
  readonly name = "the sandbox's directory";
  readonly ca: string;
  readonly directory: Directory;
  readonly #server: DirectoryServer;

  private constructor(directory: Directory, server: DirectoryServer, ca: string) {
    super();
    this.directory = directory;
    this.#server = server;
    this.ca = ca;
  }

  /** Running, with the computers that tests know. */
  static async create({
    dialect = "Windows",
    ports = [0, 0],
    authorityName = "contoso-ca",
    hostName = HOST,
    alsoNamed = [],
    isReadOnly,
  }: {
    dialect?: Dialect;
    ports?: readonly [number, number];
    authorityName?: string;
    hostName?: string;
    /** Further names and addresses of the certificate. Without any, tests reach it by a name that it does not have. */
    alsoNamed?: readonly string[];
    isReadOnly?: boolean;
  } = {}): Promise<SandboxDirectory> {
    const directory = new Directory({ dnsName: "contoso.com", netbiosName: "CONTOSO", dialect });
    provision(directory, { hostName, administratorPassword: ADMINISTRATOR.password });
    const authority = await Authority.create(authorityName);
    const certificate = await authority.certify(["localhost", hostName, ...alsoNamed]);
    const server = new DirectoryServer({ directory, hostName, isReadOnly, certificate, ldapsPort: ports[0], ldapPort: ports[1] });
    const created = new SandboxDirectory(directory, server, authority.cert);
    await created.start();
    await created.addComputers();
    return created;
  }

  get url(): string {
    return `ldaps://localhost:${this.#server.ldapsPort}`;
  }

  get startTlsUrl(): string {
    return `ldap://localhost:${this.#server.ldapPort}`;
  }

  get otherNameUrl(): string {
    return `ldaps://127.0.0.1:${this.#server.ldapsPort}`;
  }

  start(): Promise<void> {
    return this.#server.start();
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  get dialect(): Dialect {
    return this.directory.settings.dialect;
  }

  grant(dn: string, sddl: string): Promise<void> {
    this.directory.access.grant(this.directory.find(dn, false), sddl);
    return Promise.resolve();
  }

  revoke(dn: string, sddl: string): Promise<void> {
    this.directory.access.revoke(this.directory.find(dn, false), sddl);
    return Promise.resolve();
  }

  /** In Samba's dialect an administrator writes the maker's SID, as on Samba. */
  selfJoin(user: Account, name: string): Promise<string> {
    if (this.dialect === "Samba") return this.addWithCreator(user, name);
    return this.as(user, (client) => addComputer(client, name));
  }

  protected addContacts(names: readonly string[]): Promise<void> {
    const users = this.directory.find(`CN=Users,${BASE}`, false);
    for (const value of names) this.directory.database.add(users, { type: "CN", value }, { objectClass: classChain("contact") });
    return Promise.resolve();
  }

  protected overwrite(dn: string, attribute: string, value: Buffer): Promise<void> {
    this.directory.database.set(this.directory.find(dn, false), { [attribute]: [value] });
    return Promise.resolve();
  }

  ticket(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  /** The script is run by a shell whose samba-tool only writes down what it is told; that is done here. */
  async runSetupScript(script: string, password: string): Promise<void> {
    const stub = `exec 3>&1
samba-tool() { if [ "$1 $2" = "user show" ]; then echo "objectSid: SID-OF-$3"; else { printf '%s\\t' "$@"; echo; } >&3; fi; }
`;
    const written = await run("bash", ["-euo", "pipefail", "-c", stub + script], { env: { PASSWORD: password } });
    for (const line of written.split("\n").filter((text) => text !== "")) await this.#sambaTool(line.split("\t"));
  }

  async #sambaTool([first, second, ...rest]: readonly string[]): Promise<void> {
    const [name = "", value = ""] = rest;
    switch (`${first} ${second}`) {
      case "ou add":
        await this.asAdministrator((client) => client.add(`${name},${BASE}`, { objectClass: "organizationalUnit" }));
        return;
      case "user add":
        await this.asAdministrator((client) => addUser(client, name, value));
        return;
      case "user setexpiry":
        // DONT_EXPIRE_PASSWORD (MS-ADTS 2.2.16). The sandbox lets no password expire.
        await this.asAdministrator((client) =>
          client.modify(`CN=${name},CN=Users,${BASE}`, change("replace", "userAccountControl", [String(512 + 65_536)])),
        );
        return;
      case "dsacl set": {
        const option = (key: string): string => rest.find((text) => text.startsWith(`--${key}=`))?.slice(key.length + 3) ?? "";
        const on = this.directory.find(option("objectdn"), false);
        this.directory.access.grant(
          on,
          option("sddl").replace(/SID-OF-([^)]+)/, (_, user: string) => this.#sidOf(user)),
        );
        return;
      }
      default:
        throw new Error(`the sandbox has no samba-tool ${first} ${second}`);
    }
  }

  #sidOf(user: string): string {
    const [entry] = this.directory.database.lookUp("sAMAccountName", user.toLowerCase()) ?? [];
    const sid = entry && this.directory.sidOf(entry);
    if (sid === undefined) throw new Error(`${user} is not there`);
    return sid;
  }
}
