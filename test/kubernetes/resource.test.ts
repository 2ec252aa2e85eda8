import { expect, test } from "vitest";
import { SERVER_FARM } from "../../src/api/generated/server-farm.ts";
import { addFinalizer } from "../../src/kubernetes/resource.ts";

test("that the API server does not keep a finalizer is an error", async () => {
  const farm = { metadata: { namespace: "web", name: "shop", uid: "1", resourceVersion: "1" } };
  const add = (answer: unknown): Promise<unknown> =>
    addFinalizer({ request: () => Promise.resolve(answer) }, SERVER_FARM, farm, "example.com/one");
  const kept = { metadata: { ...farm.metadata, finalizers: ["example.com/one"] } };
  await expect(add(kept)).resolves.toBeUndefined();
  await expect(add(farm)).rejects.toMatchObject({
    kind: "Rejected",
    message:
      "ServerFarm web/shop: the API server did not keep the finalizer example.com/one: look for a mutating webhook that changes finalizers",
  });
});
