import { expect, test } from "vitest";
import { selects, type TenantSpec } from "../../src/policy/selector.ts";

type Selector = TenantSpec["namespaceSelector"];

function selector(matchLabels: Selector["matchLabels"], ...matchExpressions: Selector["matchExpressions"]): Selector {
  return { matchLabels, matchExpressions };
}

const SHOP = { name: "shop", labels: { team: "web", stage: "prod" } };

test.each<[string, Selector, boolean]>([
  ["nothing asked for", selector({}), true],
  ["a label", selector({ team: "web" }), true],
  ["a label of another value", selector({ team: "Web" }), false],
  ["a label that is not there", selector({ owner: "" }), false],
  ["what every object inherits is no label", selector({}, { key: "constructor", operator: "Exists", values: [] }), false],
  ["two labels", selector({ team: "web", stage: "prod" }), true],
  ["two labels, one of another value", selector({ team: "web", stage: "test" }), false],
  ["In", selector({}, { key: "team", operator: "In", values: ["db", "web"] }), true],
  ["In, another", selector({}, { key: "team", operator: "In", values: ["db"] }), false],
  ["In, not there", selector({}, { key: "owner", operator: "In", values: [""] }), false],
  ["NotIn", selector({}, { key: "team", operator: "NotIn", values: ["web"] }), false],
  ["NotIn, another", selector({}, { key: "team", operator: "NotIn", values: ["db"] }), true],
  ["NotIn, not there", selector({}, { key: "owner", operator: "NotIn", values: ["x"] }), true],
  ["Exists", selector({}, { key: "team", operator: "Exists", values: [] }), true],
  ["Exists, not there", selector({}, { key: "owner", operator: "Exists", values: [] }), false],
  ["DoesNotExist", selector({}, { key: "team", operator: "DoesNotExist", values: [] }), false],
  ["DoesNotExist, not there", selector({}, { key: "owner", operator: "DoesNotExist", values: [] }), true],
  ["labels and expressions", selector({ team: "web" }, { key: "stage", operator: "In", values: ["test"] }), false],
])("%s", (_, asked, expected) => {
  expect(selects(asked, SHOP)).toBe(expected);
});

test("the label with the name is the name, whatever the copy says", () => {
  const named = selector({ "kubernetes.io/metadata.name": "shop" });
  expect(selects(named, SHOP)).toBe(true);
  expect(selects(named, { name: "evil", labels: { "kubernetes.io/metadata.name": "shop" } })).toBe(false);
});
