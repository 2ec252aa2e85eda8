/** The part of Active Directory's schema that service accounts and their neighbours need (MS-ADA, MS-ADSC). */
import { dnKey } from "../../../src/names/distinguished-name.ts";

export type Value = string | Buffer;
type Syntax = "string" | "dn" | "integer" | "boolean" | "octets" | "class" | "time";

export interface AttributeSchema {
  readonly name: string;
  readonly syntax: Syntax;
  readonly single: boolean;
  /** Written by the directory alone. */
  readonly system: boolean;
  /** Computed for those who name it, never stored. */
  readonly constructed: boolean;
  /** Only objects of this class may have it. */
  readonly of: string | undefined;
  /** Looked up rather than searched for. */
  readonly indexed: boolean;
  /** schemaIDGUID: rights name attributes by it. */
  readonly guid: string | undefined;
  readonly maximum: number | undefined;
}

/** `name syntax flags… [class] [guid]`: s single, y system, c constructed, i indexed. */
const ATTRIBUTES = `
objectClass class
cn string s
ou string s
dc string s
name string sy
distinguishedName dn sy
objectGUID octets syi
objectSid octets syi
objectCategory dn s
instanceType integer sy
whenCreated time sy
whenChanged time sy
uSNCreated integer sy
uSNChanged integer sy
isDeleted boolean sy
lastKnownParent dn sy
nTSecurityDescriptor octets sc
isCriticalSystemObject boolean sy
systemFlags integer sy
adminCount integer s
adminDescription string si - bf967919-0de6-11d0-a285-00aa003049e2
description string - - bf967950-0de6-11d0-a285-00aa003049e2
displayName string s - bf967953-0de6-11d0-a285-00aa003049e2
info string s
sAMAccountName string si - 3e0abfd0-126a-11d0-a060-00aa006c33ed
sAMAccountType integer sy
userPrincipalName string si user
userAccountControl integer s user bf967a68-0de6-11d0-a285-00aa003049e2
pwdLastSet integer s user
badPwdCount integer sy user
primaryGroupID integer si user
unicodePwd octets s user
servicePrincipalName string i user f3a64788-5306-11d1-a9c5-0000f80367c1
dNSHostName string si computer 72e39547-7b18-11d1-adef-00c04fd8d5cd
operatingSystem string s computer
msDS-SupportedEncryptionTypes integer s user 20119867-1d04-4ab7-9371-cfc3d5df0afd
msDS-GroupMSAMembership octets s msDS-GroupManagedServiceAccount 888eedd6-ce04-df40-b462-b8a50e41ba38
msDS-ManagedPasswordInterval integer sy msDS-GroupManagedServiceAccount
msDS-ManagedPasswordId octets sy msDS-GroupManagedServiceAccount
msDS-ManagedPasswordPreviousId octets sy msDS-GroupManagedServiceAccount
msDS-ManagedPassword octets syc msDS-GroupManagedServiceAccount
groupType integer s group
member dn - group bf9679c0-0de6-11d0-a285-00aa003049e2
memberOf dn y
managedBy dn s
allowedAttributesEffective string yc
allowedChildClassesEffective string yc
tokenGroups octets yc
objectVersion integer sy
invocationId octets sy
dNSRoot string s
nCName dn s
nETBIOSName string s
msKds-UseStartTime integer s
msKds-Version integer s
lockoutThreshold integer s
ms-DS-MachineAccountQuota integer s
mS-DS-CreatorSID octets syi user
sPNMappings string -
otherWellKnownObjects string -
wellKnownObjects string -
`;

const MAXIMUM: Readonly<Record<string, number>> = {
  cn: 64,
  sAMAccountName: 256,
  displayName: 256,
  adminDescription: 1024,
  description: 1024,
};

function attributeOf(line: string): AttributeSchema {
  const [name = "", syntax = "", flags = "", of = "-", guid] = line.split(" ");
  const known = (["string", "dn", "integer", "boolean", "octets", "class", "time"] as const).find((candidate) => candidate === syntax);
  if (!known) throw new Error(`${name} has no syntax`);
  const has = (flag: string): boolean => flags.includes(flag);
  return {
    name,
    syntax: known,
    single: has("s"),
    system: has("y"),
    constructed: has("c"),
    of: of === "-" ? undefined : of,
    indexed: has("i"),
    guid,
    maximum: MAXIMUM[name],
  };
}

export const ATTRIBUTE_SCHEMAS: ReadonlyMap<string, AttributeSchema> = new Map(
  ATTRIBUTES.trim()
    .split("\n")
    .map(attributeOf)
    .map((schema) => [schema.name.toLowerCase(), schema]),
);

export interface ClassSchema {
  readonly name: string;
  readonly superior: string | undefined;
  readonly rdn: string;
  /** CN of the class in the schema: what objectCategory names. */
  readonly category: string;
  readonly guid: string | undefined;
  readonly creatable: boolean;
}

/** `name superior rdn category [guid]`; a star: only the directory itself makes such objects. */
const CLASSES = `
top - cn Top *
container top cn Container bf967a8b-0de6-11d0-a285-00aa003049e2
organizationalUnit top ou Organizational-Unit bf967aa5-0de6-11d0-a285-00aa003049e2
domainDNS top dc Domain-DNS *
configuration top cn Configuration *
dMD top cn DMD *
crossRefContainer top cn Cross-Ref-Container *
crossRef top cn Cross-Ref *
nTDSDSA top cn NTDS-DSA *
msKds-ProvRootKey top cn ms-Kds-Prov-RootKey *
lostAndFound top cn Lost-And-Found *
nTDSService top cn NTDS-Service *
serviceConnectionPoint top cn Service-Connection-Point 28630ec1-41d5-11d1-a9c1-0000f80367c1
person top cn Person
organizationalPerson person cn Person
contact organizationalPerson cn Person 5cb41ed0-0e4c-11d0-a286-00aa003049e2
user organizationalPerson cn Person bf967aba-0de6-11d0-a285-00aa003049e2
computer user cn Computer bf967a86-0de6-11d0-a285-00aa003049e2
msDS-GroupManagedServiceAccount computer cn ms-DS-Group-Managed-Service-Account 7b8b558a-93a5-4af7-adca-c017e67f1057
group top cn Group bf967a9c-0de6-11d0-a285-00aa003049e2
`;

export const CLASS_SCHEMAS: ReadonlyMap<string, ClassSchema> = new Map(
  CLASSES.trim()
    .split("\n")
    .map((line): ClassSchema => {
      const [name = "", superior = "-", rdn = "cn", category = "", guid] = line.split(" ");
      return {
        name,
        superior: superior === "-" ? undefined : superior,
        rdn,
        category,
        guid: guid === "*" ? undefined : guid,
        creatable: guid !== "*",
      };
    })
    .map((schema) => [schema.name.toLowerCase(), schema]),
);

/** The class and those it descends from, top first: the values of objectClass. */
export function classChain(name: string): readonly string[] {
  const schema = CLASS_SCHEMAS.get(name.toLowerCase());
  return schema ? [...(schema.superior === undefined ? [] : classChain(schema.superior)), schema.name] : [];
}

export function attributeSchema(name: string): AttributeSchema | undefined {
  return ATTRIBUTE_SCHEMAS.get(name.toLowerCase());
}

/** The one spelling that equal values share. Undefined for what is no value of the attribute. */
export function matchKey({ syntax, name }: AttributeSchema, value: Value): string | undefined {
  if (syntax === "octets") {
    if (typeof value === "string") return Buffer.from(value, "latin1").toString("hex");
    return value.toString("hex");
  }
  const text = typeof value === "string" ? value : value.toString("utf8");
  switch (syntax) {
    case "dn":
      return name === "objectCategory" && !text.includes("=") ? `category:${text.toLowerCase()}` : dnKey(text);
    case "integer":
      return /^-?\d{1,20}$/.test(text) ? String(BigInt(text)) : undefined;
    case "boolean":
      return text === "TRUE" || text === "FALSE" ? text : undefined;
    case "time":
      return text;
    case "class":
    case "string":
      return text.toLowerCase();
  }
}
