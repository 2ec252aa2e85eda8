/** Farms and tenants made of pieces that come close to each other, in every spelling. */
import fc from "fast-check";
import type { TenantSpec } from "../../src/policy/selector.ts";
import { accessGroup, type FarmSpec, tenantOf } from "./farms.ts";

const PIECES = ["web", "WEB", "a", "b", "k", "\u212A", "\u0130", "i", "ü", "Ü", "-", "1"];
const name = fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 4 }).map((pieces) => `w${pieces.join("")}`);
const namePattern = fc
  .array(fc.constantFrom(...PIECES, "*", "*", String.raw`\E`, "$"), { minLength: 1, maxLength: 4 })
  .map((pieces) => pieces.join(""));

const dnsName = fc
  .array(fc.constantFrom("web", "a", "B", "contoso", "com"), { minLength: 2, maxLength: 4 })
  .map((labels) => labels.join("."));
const dnsPattern = fc
  .array(fc.constantFrom("web", "a", "b", "contoso", "com", "*", "*a"), { minLength: 1, maxLength: 4 })
  .map((labels) => labels.join("."));

const PART = [
  "OU=Web",
  "ou=web ",
  "OU=Farms",
  "OU=A",
  String.raw`OU=\57eb`,
  "OU=Büro",
  "OU=BÜRO",
  "CN=Configuration",
  "OU=a b",
  "DC=contoso",
  "DC=contoso,DC=com",
];
const container = fc
  .array(fc.constantFrom(...PART), { minLength: 1, maxLength: 4 })
  .chain((parts) => fc.constantFrom(",", " , ", ";").map((separator) => `OU=x,${parts.join(separator)}`));
const tenantContainer = fc.array(fc.constantFrom(...PART), { minLength: 1, maxLength: 3 }).map((parts) => parts.join(","));

const service = fc.constantFrom("http", "HTTP", "ftp", "a");
const rest = fc.constantFrom("", "", ":80", ":web", "/web", ":80/web.com");
const spn = fc.tuple(service, dnsName, rest).map(([type, host, more]) => `${type}/x.${host}${more}`);
const spnPattern = fc.oneof(
  fc.constant("*"),
  fc
    .tuple(fc.constantFrom("http/x.", "*/*", "h*p/x."), dnsPattern, fc.constantFrom("", "", ":*", ":80", "*", "/*"))
    .map(([type, host, more]) => `${type}${host}${more}`),
);

const host = fc.oneof(
  name.filter((text) => /^[^\s]*$/.test(text)),
  name.map((text) => `${text}$`),
  dnsName,
  fc.tuple(name, fc.constantFrom("OU=Web", "OU=b*", String.raw`OU=a\,b`, "OU=web01.contoso.com")).map(([cn, ou]) => `CN=${cn},${ou}`),
);

function list<T>(of: fc.Arbitrary<T>, maxLength: number): fc.Arbitrary<T[]> {
  return fc.uniqueArray(of, { maxLength });
}

const OPEN = {
  names: ["*"],
  containers: ["DC=contoso,DC=com"],
  servicePrincipalNames: ["*"],
  dnsHostNames: ["*"],
  hosts: ["*"],
  groups: ["*"],
};

/** Of the tenants' namespace, limited in one respect. */
export const anyTenant: fc.Arbitrary<TenantSpec> = fc
  .oneof(
    fc.record({ names: list(namePattern, 3) }),
    fc.record({ containers: list(tenantContainer, 3) }),
    fc.record({ servicePrincipalNames: list(spnPattern, 3) }),
    fc.record({ dnsHostNames: list(dnsPattern, 3) }),
    fc.record({ hosts: list(fc.oneof(namePattern, dnsPattern), 3) }),
    fc.record({ groups: list(namePattern, 3) }),
  )
  .map((limits) => {
    const { names, containers, servicePrincipalNames, dnsHostNames, hosts, groups }: typeof OPEN = { ...OPEN, ...limits };
    return tenantOf({
      accounts: { names, containers },
      servicePrincipalNames,
      dnsHostNames,
      hosts: { search: false, names: hosts, containers: [] },
      groups: { access: groups, hosts: groups },
    });
  });

/** Asks for little, so that it is not refused for the one thing or the other all the time. */
export const anyFarm: fc.Arbitrary<FarmSpec> = fc
  .record({
    name: fc.option(name),
    container: fc.option(container),
    dnsHostName: fc.option(dnsName.map((text) => `x.${text}`)),
    names: fc.option(list(spn, 2)),
    hosts: fc.option(list(host, 3)),
    group: fc.option(name),
  })
  .map(({ name: account, container: place, dnsHostName, names, hosts, group }) => ({
    name: "w",
    account: {
      samAccountName: "w1",
      ...(account === null ? {} : { name: account }),
      ...(place === null ? {} : { container: place }),
      ...(dnsHostName === null ? { outboundOnly: true } : {}),
    },
    dnsHostName,
    ...(names === null || dnsHostName === null ? {} : { servicePrincipalNames: names }),
    hosts: { grant: "Principals" as const, computers: hosts ?? [] },
    accessGroups: group === null ? [] : [accessGroup(group)],
  }));
