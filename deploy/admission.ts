/**
 * The rules of the chart's ValidatingAdmissionPolicy, written in CEL: what a manifest alone shows is refused when it is applied, with the words of the
 * operator, which judges the same and more (src/policy). `npm run render` writes them into the chart.
 *
 * Tightening freezes and does not revoke: of a farm that is not allowed any more only what is new is judged, so that hosts can always be taken out.
 */
import { stringify } from "yaml";
import { FIELDS, type Rule } from "../src/policy/asked.ts";
import { COMPARED } from "../src/policy/judge.ts";
import { NAMED, NO_TENANT, REFUSED } from "../src/policy/message.ts";
import { ASKED, type FieldName } from "./admission-fields.ts";
import { RESERVED } from "./admission-reserved.ts";
import { literal, ruleVariables, refusedOf, saysOf, type Variable } from "./admission-rules.ts";

/** How many tenants a domain may have: maxItems of spec.tenants. */
export const TENANTS = 100;

function isFieldName(name: string): name is FieldName {
  return name in FIELDS;
}
const FIELD_NAMES = Object.keys(FIELDS).filter(isFieldName);

function isRule(name: string): name is Rule {
  return name in COMPARED;
}
const RULES = Object.keys(COMPARED).filter(isRule);

/** The first of a list, and how many more there are. */
function first(list: string, text: (value: string) => string): string {
  const numbers = Array.from({ length: NAMED }, (_, index) => index).join(", ");
  const more = `(size(${list}) > ${NAMED} ? ' and ' + string(size(${list}) - ${NAMED}) + ' more' : '')`;
  return `[${numbers}].filter(n, n < size(${list})).map(n, ${text(`${list}[n]`)}).join(', ') + ${more}`;
}

/** A text with its places filled in, as CEL. */
function message(text: string, values: Readonly<Record<string, string>>): string {
  return text
    .split(/(\{\w+\})/)
    .map((part) => values[part.slice(1, -1)] ?? literal(part))
    .join(" + ");
}

/** Whether the namespace of the farm is one of the tenant t, as src/policy/selector.ts has it. */
const SELECTS = [
  "t.namespaceSelector.matchLabels.all(k, k in variables.labels && variables.labels[k] == t.namespaceSelector.matchLabels[k])",
  "t.namespaceSelector.matchExpressions.all(e, e.operator == 'In' ? e.key in variables.labels && variables.labels[e.key] in e.values : e.operator == 'NotIn' ? !(e.key in variables.labels && variables.labels[e.key] in e.values) : (e.operator == 'Exists') == (e.key in variables.labels))",
].join(" && ");

/** Of each tenant its number, by which the lists of the other variables go. */
const NUMBERS = Array.from({ length: TENANTS }, (_, index) => index).join(", ");

const COMMON: readonly Variable[] = [
  { name: "concerned", expression: "object.spec.domainRef.name == params.metadata.name" },
  { name: "same", expression: "oldObject != null && oldObject.spec.domainRef.name == object.spec.domainRef.name" },
  { name: "baseDN", expression: "'dc=' + params.spec.dnsName.lowerAscii().split('.').join(',dc=')" },
  { name: "labels", expression: "has(namespaceObject.metadata.labels) ? namespaceObject.metadata.labels : {}" },
  { name: "tenants", expression: `has(params.spec.tenants) ? params.spec.tenants.filter(t, ${SELECTS}) : []` },
  { name: "of", expression: `[${NUMBERS}].filter(i, i < size(variables.tenants))` },
];

/** Comparisons of texts that are made to tell what is new. Beyond that everything passes for old, and the operator judges. */
const COMPARED_AT_MOST = 1_000_000;

/** What the farm asks for in a field, and asked for before; of each tenant what it refuses of that, and whether it refused something before. */
function askedVariables(name: FieldName): readonly Variable[] {
  const { rule } = FIELDS[name];
  const [asked, before] = [`variables.${name}`, `variables.${name}Before`];
  const isTooMuch = `size(${asked}) * size(${before}) > ${COMPARED_AT_MOST}`;
  return [
    { name, expression: ASKED[name]("object") },
    { name: `${name}Before`, expression: `variables.same ? (${ASKED[name]("oldObject")}) : []` },
    { name: `${name}Kept`, expression: `${asked} == ${before} || ${isTooMuch} || ${asked}.all(v, v in ${before})` },
    { name: `${name}Refused`, expression: `variables.of.map(i, ${refusedOf(rule, asked).values})` },
    { name: `${name}Froze`, expression: `variables.of.map(i, ${refusedOf(rule, before).any})` },
  ];
}

/** How many hosts a farm names, and finds at most. */
function hostsOf(farm: "object" | "oldObject"): string {
  const list = farm === "object" ? "variables.hosts" : "variables.hostsBefore";
  return `(size(${list}) + (has(${farm}.spec.hosts.search) ? ${farm}.spec.hosts.search.max : 0))`;
}
function tooMany(farm: "object" | "oldObject"): string {
  return `has(variables.tenants[i].hosts.max) && ${hostsOf(farm)} > variables.tenants[i].hosts.max`;
}
function searches(farm: "object" | "oldObject"): string {
  return `has(${farm}.spec.hosts.search) && !variables.tenants[i].hosts.search`;
}
const ADOPTS = "object.spec.adoptionPolicy == 'Unowned' && !variables.tenants[i].adoption";

/** No tenant allowed what was there before. */
const FROZEN = [
  ...FIELD_NAMES.map((name) => `variables.${name}Froze[i]`),
  `(${tooMany("oldObject")})`,
  `(${searches("oldObject")})`,
  `(${ADOPTS.replace("object", "oldObject")})`,
].join(" || ");

/** What is refused; of a frozen farm, what of that is new. */
function newVariable(name: FieldName): Variable {
  const [asked, before, refused] = [`variables.${name}`, `variables.${name}Before`, `variables.${name}Refused[i]`];
  const isTooMuch = `size(${refused}) * size(${before}) > ${COMPARED_AT_MOST}`;
  const fresh = `size(${refused}) == 0 || !variables.frozen ? ${refused} : ${isTooMuch} ? [] : ${refused}.filter(v, !(v in ${before}))`;
  return { name: `${name}New`, expression: `variables.of.map(i, variables.frozen && ${asked} == ${before} ? [] : (${fresh}))` };
}

function refusal(name: FieldName): string {
  const { field, rule } = FIELDS[name];
  const refused = `variables.${name}New[i]`;
  return `size(${refused}) == 0 ? '' : '${field}: ' + ${first(refused, (value) => `strings.quote(${value})`)} + ' (${rule} ' + ${saysOf(rule)} + ')'`;
}

const OTHER_REFUSALS = [
  `!(${tooMany("object")}) || (variables.frozen && ${hostsOf("object")} <= ${hostsOf("oldObject")}) ? '' : 'hosts.computers: "' + string(${hostsOf("object")}) + ' hosts" (hosts.max is ' + string(variables.tenants[i].hosts.max) + ')'`,
  `!(${searches("object")}) || (variables.frozen && has(oldObject.spec.hosts.search)) ? '' : 'hosts.search: "true" (hosts.search is false)'`,
  `!(${ADOPTS}) || (variables.frozen && oldObject.spec.adoptionPolicy == 'Unowned') ? '' : 'adoptionPolicy: "Unowned" (adoption is false)'`,
];

const OUTCOME: readonly Variable[] = [
  {
    name: "kept",
    expression: [
      "variables.same",
      ...FIELD_NAMES.map((name) => `variables.${name}Kept`),
      `${hostsOf("object")} <= ${hostsOf("oldObject")}`,
      "(!has(object.spec.hosts.search) || has(oldObject.spec.hosts.search))",
      "(object.spec.adoptionPolicy == oldObject.spec.adoptionPolicy || object.spec.adoptionPolicy != 'Unowned')",
    ].join(" && "),
  },
  {
    name: "refusals",
    expression: `variables.of.map(i, [${[...FIELD_NAMES.map(refusal), ...OTHER_REFUSALS].join(", ")}].filter(s, s != ''))`,
  },
  {
    name: "allowed",
    expression:
      "!variables.concerned || !has(params.spec.tenants) || (size(variables.tenants) == 0 ? variables.kept : variables.refusals.exists(r, size(r) == 0))",
  },
  { name: "fewest", expression: "variables.refusals.map(r, size(r)).min()" },
  { name: "closest", expression: "variables.of.filter(i, size(variables.refusals[i]) == variables.fewest)[0]" },
];

const NAMES = { domain: "params.metadata.name", namespace: "request.namespace" };
const REFUSAL = message(REFUSED, {
  ...NAMES,
  tenant: "variables.tenants[variables.closest].name",
  refusals: "variables.refusals[variables.closest].join('; ')",
});

/** matchConditions, variables and validations of the policy. */
export function admissionRules(): string {
  const rules = {
    matchConditions: [
      { name: "asks-for-something-else", expression: "request.operation == 'CREATE' || object.spec != oldObject.spec" },
      { name: "stays", expression: "!has(object.metadata.deletionTimestamp)" },
    ],
    variables: [
      ...COMMON,
      ...RULES.flatMap((rule) =>
        ruleVariables(rule, (allowed) => `size(${allowed}) == 0 ? 'allows nothing' : 'allows ' + ${first(allowed, (value) => value)}`),
      ),
      ...FIELD_NAMES.flatMap(askedVariables),
      { name: "frozen", expression: `variables.same && variables.of.all(i, ${FROZEN})` },
      ...FIELD_NAMES.map(newVariable),
      ...OUTCOME,
      ...RESERVED.variables,
    ],
    validations: [
      {
        expression: "variables.allowed",
        // It is evaluated whether it is needed or not.
        messageExpression: `variables.allowed ? '' : size(variables.tenants) == 0 ? ${message(NO_TENANT, NAMES)} : ${REFUSAL}`,
        message: "no tenant of the farm's domain allows all that it asks for: see spec.tenants of the ActiveDirectoryDomain.",
        reason: "Forbidden",
      },
      RESERVED.validation,
    ],
  };
  return stringify(rules, { lineWidth: 0 });
}
