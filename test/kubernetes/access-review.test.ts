import { expect, test } from "vitest";
import { AccessReviews } from "../../src/kubernetes/access-review.ts";
import { KubernetesError } from "../../src/kubernetes/api-error.ts";

type Answer = (token: string) => object;

/** An API server of which nothing is known but its answers, and how often it was asked. */
function reviews(authenticate: Answer, authorize: (spec: unknown) => object) {
  const asked: { readonly path: string; readonly spec: unknown }[] = [];
  const clock = { now: 0 };
  const client = {
    request: async (_method: string, path: string, { body }: { readonly body?: unknown } = {}): Promise<unknown> => {
      const spec: unknown = typeof body === "object" && body !== null && "spec" in body ? body.spec : undefined;
      asked.push({ path, spec });
      await Promise.resolve();
      const token = typeof spec === "object" && spec !== null && "token" in spec ? String(spec.token) : "";
      return { status: path.endsWith("/tokenreviews") ? authenticate(token) : authorize(spec) };
    },
  };
  return { reviews: new AccessReviews(client, "/metrics", () => clock.now), asked, clock };
}

const KNOWN: Answer = (token) => ({
  authenticated: true,
  user: { username: token, uid: "1", groups: ["g"], extra: { "example.com/x": ["y"] } },
});

test("who has the token is asked first, and then whether they may; all that is known of them is passed on", async () => {
  const { reviews: access, asked } = reviews(KNOWN, () => ({ allowed: true }));
  expect(await access.judge("prometheus")).toBe("Allowed");
  expect(asked).toEqual([
    { path: "/apis/authentication.k8s.io/v1/tokenreviews", spec: { token: "prometheus" } },
    {
      path: "/apis/authorization.k8s.io/v1/subjectaccessreviews",
      spec: {
        user: "prometheus",
        uid: "1",
        groups: ["g"],
        extra: { "example.com/x": ["y"] },
        nonResourceAttributes: { path: "/metrics", verb: "get" },
      },
    },
  ]);
});

test.each<[string, Answer, object, string]>([
  ["an unknown token", () => ({ authenticated: false, error: "invalid" }), { allowed: true }, "Unauthenticated"],
  ["a review that does not say", () => ({}), { allowed: true }, "Unauthenticated"],
  ["a token of nobody", () => ({ authenticated: true, user: {} }), { allowed: true }, "Unauthenticated"],
  ["who may not", KNOWN, { allowed: false }, "Forbidden"],
  ["who is denied though somebody allows it", KNOWN, { allowed: true, denied: true }, "Forbidden"],
])("%s is refused", async (_, authenticate, authorization, verdict) => {
  const { reviews: access } = reviews(authenticate, () => authorization);
  expect(await access.judge("t")).toBe(verdict);
});

test("a verdict holds for a minute, a refusal for ten seconds: what changes is seen then", async () => {
  let may = true;
  const { reviews: access, asked, clock } = reviews(KNOWN, () => ({ allowed: may }));
  const steps: readonly (readonly [now: number, mayNow: boolean, verdict: string, asked: number])[] = [
    [0, true, "Allowed", 2],
    [59_999, false, "Allowed", 2],
    [60_000, false, "Forbidden", 4],
    [69_999, true, "Forbidden", 4],
    [70_000, true, "Allowed", 6],
  ];
  for (const [now, mayNow, verdict, count] of steps) {
    [clock.now, may] = [now, mayNow];
    expect([await access.judge("t"), asked.length], `at ${now}`).toEqual([verdict, count]);
  }
});

test("the same token at once is asked for once, another one for itself", async () => {
  const { reviews: access, asked } = reviews(KNOWN, (spec) => ({ allowed: JSON.stringify(spec).includes('"user":"a"') }));
  expect(await Promise.all(["a", "a", "b", "a"].map((token) => access.judge(token)))).toEqual([
    "Allowed",
    "Allowed",
    "Forbidden",
    "Allowed",
  ]);
  expect(asked).toHaveLength(4);
});

test("without an answer there is no verdict, and none is kept", async () => {
  let broken = true;
  const { reviews: access } = reviews(KNOWN, () => {
    if (broken) throw new KubernetesError("Forbidden", "no");
    return { allowed: true };
  });
  await expect(access.judge("t")).rejects.toThrow("no");
  broken = false;
  expect(await access.judge("t")).toBe("Allowed");
  const { reviews: odd } = reviews(KNOWN, () => ({ allowed: "yes" }));
  await expect(odd.judge("t")).rejects.toThrow("the answer is no SubjectAccessReview");
});

test("of very many tokens few are asked for at once, and few are kept", async () => {
  const { reviews: access, asked } = reviews(KNOWN, () => ({ allowed: true }));
  const first = await Promise.allSettled(Array.from({ length: 1000 }, (_, index) => access.judge(`flood${index}`)));
  expect(first.filter(({ status }) => status === "fulfilled")).toHaveLength(16);
  expect(asked).toHaveLength(32);
  for (let index = 0; index < 257; index++) await access.judge(`t${index}`);
  const before = asked.length;
  await access.judge("t256");
  await access.judge("t1");
  expect(asked).toHaveLength(before);
  await access.judge("t0");
  expect(asked).toHaveLength(before + 2);
});
