/** What a writer of statuses knows of its own writes that the watch has not brought yet. */
import { expect, test } from "vitest";
import type { KubernetesObject } from "../../src/api/object.ts";
import { type Resource, StatusWriter } from "../../src/kubernetes/resource.ts";

type Thing = KubernetesObject & { readonly status?: object };
const THINGS: Resource<Thing> = {
  apiVersion: "v1",
  kind: "Thing",
  plural: "things",
  is: (value): value is Thing => typeof value === "object",
};
const thing = (resourceVersion: string, status?: object): Thing => ({
  metadata: { namespace: "web", name: "one", uid: "u", resourceVersion },
  ...(status ? { status } : {}),
});

/** Answers with these versions, one after the other. */
function writerOf(...versions: readonly string[]): StatusWriter {
  const answers = versions.values();
  return new StatusWriter({ request: () => Promise.resolve(thing(answers.next().value ?? "none")) });
}

function isForeign(writer: StatusWriter, object: Thing, previous: Thing): boolean {
  let foreign = false;
  writer.ifForeign(object, previous, () => (foreign = true));
  return foreign;
}

test("what it wrote is awaited until the watch brings it, and is no news then", async () => {
  const writer = writerOf("2");
  await writer.write(THINGS, thing("1"), { a: 1 });
  expect(writer.awaits("u")).toBe(true);
  expect(isForeign(writer, thing("2", { a: 1 }), thing("1"))).toBe(false);
  expect(writer.awaits("u")).toBe(false);
  expect(isForeign(writer, thing("3", { a: 2 }), thing("2", { a: 1 }))).toBe(true);
});

test("what changed nothing is not awaited: no watch brings it", async () => {
  const writer = writerOf("2", "1");
  const copy = thing("1", { a: 1 });
  await writer.write(THINGS, copy, { a: 2 });
  expect(isForeign(writer, thing("2", { a: 2 }), copy)).toBe(false);
  // The copy may be old by now, so the same status is sent all the same.
  await writer.write(THINGS, copy, { a: 1 });
  expect(writer.awaits("u")).toBe(false);
});

test("nor is what a new list shows without a difference to the copy", async () => {
  const writer = writerOf("2", "3");
  const copy = thing("1", { a: 1 });
  await writer.write(THINGS, copy, { a: 2 });
  await writer.write(THINGS, thing("2", { a: 2 }), { a: 1 });
  expect(writer.awaits("u")).toBe(true);
  expect(isForeign(writer, thing("3", { a: 1 }), copy)).toBe(false);
  expect(writer.awaits("u")).toBe(false);
});
