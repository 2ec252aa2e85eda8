/** What Active Directory says when it refuses: result codes and diagnostic texts, of Windows and of Samba. */

export type Dialect = "Windows" | "Samba";

export class LdapFailure extends Error {
  override readonly name = "LdapFailure";
  readonly code: number;
  readonly matchedDn: string;

  constructor(code: number, message: string, matchedDn = "") {
    super(message);
    this.code = code;
    this.matchedDn = matchedDn;
  }
}

const nameError = (number: string, problem: string, data: string, match: string): string =>
  `${number}: NameErr: DSID-03100241, problem ${problem}, data ${data}, best match of:\n\t'${match}'\n`;
const attributeError = (number: string, problem: string, attribute: string): string =>
  `${number}: AtrErr: DSID-03200BBA, #1:\n\t0: ${number}: DSID-03200BBA, problem ${problem}, data 0, Att 0 (${attribute})\n`;
const updateError = (number: string, problem: string): string => `${number}: UpdErr: DSID-031A11F8, problem ${problem}, data 0\n`;
const serviceError = (number: string): string => `${number}: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0\n`;

type Say = (subject: string, detail: string) => readonly [code: number, text: string];

/** What happened → result. `subject` is the attribute or name, `detail` what else belongs to the text. */
const WINDOWS = {
  NoObject: (_, match) => [32, nameError("0000208D", "2001 (NO_OBJECT)", "0", match)],
  BadName: (name) => [34, nameError("0000208F", "2006 (BAD_NAME)", "8350", name)],
  NamingViolation: (name) => [64, nameError("00002099", "2005 (NAMING_VIOLATION)", "0", name)],
  EntryExists: () => [68, updateError("00002071", "6005 (ENTRY_EXISTS)")],
  AccountNameInUse: () => [68, updateError("00000524", "6005 (ENTRY_EXISTS)")],
  MemberExists: () => [68, updateError("00000562", "6005 (ENTRY_EXISTS)")],
  MemberMissing: () => [53, serviceError("00000561")],
  MemberNotFound: (_, match) => [32, nameError("00000525", "2001 (NO_OBJECT)", "0", match)],
  ValueExists: (attribute) => [20, attributeError("00002083", "1006 (ATT_OR_VALUE_EXISTS)", attribute)],
  NoValue: (attribute) => [16, attributeError("00002085", "1001 (NO_ATTRIBUTE_OR_VAL)", attribute)],
  SpnInUse: () => [19, attributeError("000021C7", "1005 (CONSTRAINT_ATT_TYPE)", "servicePrincipalName")],
  UpnInUse: () => [19, attributeError("000021C8", "1005 (CONSTRAINT_ATT_TYPE)", "userPrincipalName")],
  SystemOnly: (attribute) => [19, attributeError("000020B1", "1005 (CONSTRAINT_ATT_TYPE)", attribute)],
  SingleValued: (attribute) => [19, attributeError("00002081", "1005 (CONSTRAINT_ATT_TYPE)", attribute)],
  BadValue: (attribute) => [21, attributeError("00000057", "1000 (INVALID_SYNTAX)", attribute)],
  OutOfRange: (attribute) => [19, attributeError("00002082", "1005 (CONSTRAINT_ATT_TYPE)", attribute)],
  ClassViolation: (_, data) => [65, `0000207D: UpdErr: DSID-0315166D, problem 6002 (OBJ_CLASS_VIOLATION), data ${data}\n`],
  UndefinedAttribute: () => [16, "00000057: LdapErr: DSID-0C090D88, comment: Error in attribute conversion operation, data 0, v4563"],
  AliasInUse: () => [19, attributeError("000021C7", "1005 (CONSTRAINT_ATT_TYPE)", "servicePrincipalName")],
  AliasesInUse: () => [19, attributeError("000021C7", "1005 (CONSTRAINT_ATT_TYPE)", "servicePrincipalName")],
  PrimaryMember: () => [68, updateError("00000562", "6005 (ENTRY_EXISTS)")],
  PrimaryGroupInUse: () => [53, serviceError("0000055E")],
  PrimaryGroupNeeded: () => [53, serviceError("0000001F")],
  PrimaryGroupAtCreation: () => [53, serviceError("0000001F")],
  NotInPrimaryGroup: () => [53, serviceError("00000561")],
  ResourceGroup: () => [53, serviceError("00000529")],
  QuotaExceeded: () => [53, serviceError("0000216D")],
  NoAccessToDelete: () => [50, "00000005: SecErr: DSID-031A1190, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0\n"],
  NotBelow: (dn) => [64, nameError("00002099", "2005 (NAMING_VIOLATION)", "0", dn)],
  NoAccess: () => [50, "00002098: SecErr: DSID-03150F94, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0\n"],
  NoAccessToCreate: () => [50, "00000005: SecErr: DSID-03152E29, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0\n"],
  NotBound: () => [
    1,
    "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation a successful bind must be completed on the connection., data 0, v4563",
  ],
  BindRefused: (_, data) => [49, `80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data ${data}, v4563`],
  ClearBind: () => [8, "00002028: LdapErr: DSID-0C090259, comment: The server requires binds to turn on integrity checking, data 0, v4563"],
  NoMechanism: () => [7, "00002027: LdapErr: DSID-0C0905FB, comment: Invalid Authentication method, data 0, v4563"],
  NotAllowedOnRdn: () => [67, updateError("00002016", "6004 (CANT_ON_RDN)")],
  NonLeaf: () => [66, "00002015: UpdErr: DSID-031A1236, problem 6003 (CANT_ON_NON_LEAF), data 0\n"],
  BadPassword: () => [53, serviceError("0000052D")],
  Unwilling: () => [53, serviceError("0000001F")],
  NoRootKey: () => [53, serviceError("8009000D")],
  CriticalControl: () => [12, "00000057: LdapErr: DSID-0C090B1C, comment: Critical extension unavailable, data 0, v4563"],
  SizeLimit: () => [4, ""],
  ProtectedObject: () => [53, serviceError("00002077")],
} as const satisfies Readonly<Record<string, Say>>;

export type Cause = keyof typeof WINDOWS;

/** Where Samba says something else. */
const SAMBA: Partial<Record<Cause, Say>> = {
  MemberExists: (_, detail) => [68, `00002071: Attribute member already exists for target ${detail}`],
  MemberMissing: () => [53, "00000561: Attribute member doesn't exist for target"],
  MemberNotFound: (_, detail) => [32, `00000525: dsdb_module: member ${detail} not found`],
  SpnInUse: (_, detail) => [19, `0000202F: samldb: spn[${detail}] would cause a conflict`],
  SystemOnly: (attribute) => [19, `00002077: objectclass_attrs: attribute '${attribute}' can only be modified as system`],
  AliasInUse: (_, detail) => [50, `00002098: samldb: spn[${detail}] would cause a conflict`],
  AliasesInUse: (operation) => [19, `error in module samldb: Constraint violation during LDB_${operation} (19)`],
  PrimaryMember: (dn, rid) => [68, `00002071: samldb: member ${dn} already set via primaryGroupID ${rid}`],
  PrimaryGroupInUse: (dn, count) => [68, `00002071: Refusing to delete ${dn}, as it is still the primaryGroupID for ${count} users`],
  PrimaryGroupNeeded: (dn) => [53, `00002035: objectclass_attrs: delete protected attribute 'primaryGroupID' on entry '${dn}' missing!`],
  PrimaryGroupAtCreation: () => [53, "00002035: The primary group isn't settable on add operations!"],
  NotInPrimaryGroup: () => [53, "error in module samldb: Unwilling to perform during LDB_MODIFY (53)"],
  ResourceGroup: () => [53, "00000529: may not set resource group as primary group!"],
  NonLeaf: (_, count) => [66, `00002015: subtree_delete: Unable to delete a non-leaf node (it has ${count} children)!`],
  NoAccessToCreate: (dn) => [50, `acl: unable to get access to ${dn}\n`],
  NoAccessToDelete: (_, parent) => [50, `dsdb_access: Access check failed on ${parent}`],
  NotBelow: (dn, className) => [64, `00002037: structural objectClass ${className} is not a valid child class for ${dn}`],
  AccountNameInUse: (name) => [68, `samldb: Account name (sAMAccountName) '${name}' already in use!`],
};

export function failure(dialect: Dialect, cause: Cause, subject = "", detail = ""): LdapFailure {
  const say: Say = (dialect === "Samba" ? SAMBA[cause] : undefined) ?? WINDOWS[cause];
  const [code, text] = say(subject, detail);
  return new LdapFailure(code, text, code === 32 ? detail : "");
}
