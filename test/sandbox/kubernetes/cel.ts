/** Validation rules of schemas: the Common Expression Language, evaluated by a library. */
import { celEnv, isCelError, parse, plan } from "@bufbuild/cel";
import { strings } from "@bufbuild/cel/ext";
import { isArray, isObject, type Json, type JsonObject } from "./json.ts";

type Evaluate = (variables: Record<string, Input>) => unknown;
type Input = null | boolean | number | bigint | string | Input[] | { [name: string]: Input };

const ENVIRONMENT = celEnv({ funcs: strings });
const compiled = new Map<string, Evaluate>();

function compile(expression: string): Evaluate {
  let evaluate = compiled.get(expression);
  if (!evaluate) compiled.set(expression, (evaluate = plan(ENVIRONMENT, parse(expression))));
  return evaluate;
}

/** A whole number is an int unless the schema says number. */
function toInput(value: Json): Input {
  if (typeof value === "number") return Number.isInteger(value) ? BigInt(value) : value;
  if (isArray(value)) return value.map(toInput);
  if (isObject(value))
    return Object.fromEntries(Object.entries(value).flatMap(([name, item]) => (item === undefined ? [] : [[name, toInput(item)]])));
  return value;
}

/** The value of an expression; an Error where it has none. `oldSelf` only where there was a value before. */
export function evaluate(expression: string, self: Json, oldSelf: Json | undefined): unknown {
  return evaluateWith(expression, { self, ...(oldSelf === undefined ? {} : { oldSelf }) });
}

/** The same with variables of any names. */
export function evaluateWith(expression: string, variables: Readonly<Record<string, Json>>): unknown {
  const result = compile(expression)(Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, toInput(value)])));
  return isCelError(result) ? new Error(String(result)) : result;
}

export interface Rule {
  readonly rule: string;
  readonly message: string | undefined;
  readonly messageExpression: string | undefined;
  readonly reason: string | undefined;
  readonly fieldPath: string | undefined;
}

export function rulesOf(schema: JsonObject): readonly Rule[] {
  const rules = schema["x-kubernetes-validations"];
  const text = (rule: Json, name: string): string | undefined => {
    const value = isObject(rule) ? rule[name] : undefined;
    return typeof value === "string" ? value : undefined;
  };
  return (isArray(rules) ? rules : []).map((rule) => ({
    rule: text(rule, "rule") ?? "true",
    message: text(rule, "message"),
    messageExpression: text(rule, "messageExpression"),
    reason: text(rule, "reason"),
    fieldPath: text(rule, "fieldPath"),
  }));
}
