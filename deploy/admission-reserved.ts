/** Service principal names that no farm can have, whatever tenants allow, in CEL: as reservedName in src/names/account-name.ts. */
import { CONTROLLERS, OF_CONTROLLERS, RESERVED_CLASSES } from "../src/names/account-name.ts";
import { NAMED } from "../src/policy/message.ts";
import { literal, type Variable } from "./admission-rules.ts";

const OWNED = [
  ...[...RESERVED_CLASSES].map(([name, owner]) => ({ name, owner })),
  ...CONTROLLERS.map((start) => ({ name: `${start}[^/]*`, owner: OF_CONTROLLERS })),
];

/** Of a folded name n: by its class. */
const BY_CLASS = [...Map.groupBy(OWNED, ({ owner }) => owner)].map(([owner, classes]) => {
  const names = classes.map(({ name }) => name).join("|");
  return `n.matches('^(?:${names})/') ? 'the class ' + n.split('/')[0] + ${literal(` ${owner}`)}`;
});

const HOST = "[n.find('/[^:/]*').substring(1)].map(h, h.endsWith('.') ? h.substring(0, size(h) - 1) : h)";
const BY_HOST =
  "h in variables.domainNames ? h + ' is the domain itself' : '_msdcs' in h.split('.') ? h + ' is a name of domain controllers' : ''";

/** Why a folded name n is no farm's to have; empty where it is. */
const REASON = [
  ...BY_CLASS,
  `n.matches('^host/[^/]+/') ? ${literal(`HOST with three parts ${OF_CONTROLLERS}`)}`,
  `${HOST}.map(h, ${BY_HOST})[0]`,
].join(" : ");

const DNS_NAME = "params.spec.dnsName.lowerAscii()";
const NETBIOS_NAME = "params.status.netBIOSName";

/** Those that the farm did not ask for before: the operator says of these that it does not set them. */
export const RESERVED: { readonly variables: readonly Variable[]; readonly validation: object } = {
  variables: [
    {
      name: "domainNames",
      expression: `has(params.status) && has(${NETBIOS_NAME}) ? [${DNS_NAME}, ${NETBIOS_NAME}.lowerAscii()] : [${DNS_NAME}]`,
    },
    {
      name: "reserved",
      expression: `!variables.concerned ? [] : variables.servicePrincipalNames.filter(v, [v.lowerAscii()].exists(n, (${REASON}) != '') && !(v in variables.servicePrincipalNamesBefore))`,
    },
  ],
  validation: {
    expression: "size(variables.reserved) == 0",
    messageExpression: `[${Array.from({ length: NAMED }, (_, index) => index).join(", ")}].filter(i, i < size(variables.reserved)).map(i, variables.reserved[i] + ' cannot be set, since ' + [variables.reserved[i].lowerAscii()].map(n, ${REASON})[0] + ': remove it from servicePrincipalNames.').join(' ')`,
    message: "some servicePrincipalNames are not a farm's to have, such as those of domain controllers: remove them.",
  },
};
