import { expect, test } from "vitest";
import { accessOf } from "../../src/controller/domain-access.ts";
import { DomainState } from "../../src/domain/state.ts";
import { domainOf } from "../domain/manifests.ts";

const DOMAIN = domainOf();

test("farms are told why their domain is away in words that stay the same from try to try", () => {
  const state = new DomainState({ monotonic: () => 1, wall: () => new Date() });
  const said = ["connect ECONNREFUSED 192.0.2.1:636", "connect ETIMEDOUT 192.0.2.2:636"].map((message) => {
    state.drop({ reason: "DirectoryUnavailable", message });
    return accessOf(DOMAIN, state, undefined);
  });
  expect(said[0]).toEqual(said[1]);
  expect(said[0]).toMatchObject({
    kind: "NotReady",
    reason: "DomainNotReady",
    message:
      "the ActiveDirectoryDomain contoso is not ready (DirectoryUnavailable): see kubectl describe addomain contoso. The farm continues automatically once the domain is ready.",
  });
});
