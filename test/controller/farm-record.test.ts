import { expect, test } from "vitest";
import { FARMS } from "../../src/controller/farm.ts";
import { sayFailed } from "../../src/controller/farm-record.ts";
import { KubernetesError, type KubernetesErrorKind } from "../../src/kubernetes/api-error.ts";
import { StatusWriter } from "../../src/kubernetes/resource.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { farm } from "../farm/simulation.ts";

const FARM = farm({});

/** What is sent and logged of an error, where the API server answers each status so. */
async function say(
  error: unknown,
  answer: () => Promise<unknown>,
): Promise<{ readonly sent: unknown[]; readonly lines: string[]; readonly events: number }> {
  const [sent, lines]: [unknown[], string[]] = [[], []];
  let events = 0;
  const request = (_method: string, _path: string, options?: { readonly body?: unknown }): Promise<unknown> => {
    sent.push(options?.body);
    return answer();
  };
  const to = {
    statuses: new StatusWriter({ request }),
    events: { record: () => events++ },
    log: createLog("debug", "json", (line) => lines.push(line)),
  };
  await sayFailed(to, FARMS, FARM, error);
  return { sent, lines, events };
}

test.each<KubernetesErrorKind>(["Conflict", "NotFound", "Unavailable", "Forbidden"])(
  "that the status cannot be written (%s) does not take the place of a mistake of the program",
  async (kind) => {
    const { sent, lines } = await say(new TypeError("x is not a function"), () => Promise.reject(new KubernetesError(kind, "not now")));
    expect(JSON.stringify(sent)).toContain("InternalError");
    expect(lines.join("")).toContain("not now");
  },
);

test("a mistake of the program is said on the farm; so is a refusal of the API server, with an Event; nothing else", async () => {
  const written = (): Promise<unknown> => Promise.resolve(FARM);
  const mistake = await say(new TypeError("x is not a function"), written);
  expect([JSON.stringify(mistake.sent), mistake.events]).toEqual([
    expect.stringContaining("the operator failed: TypeError: x is not a function"),
    0,
  ]);
  const refusal = await say(new KubernetesError("Invalid", "a webhook says no"), written);
  expect([JSON.stringify(refusal.sent), refusal.events]).toEqual([expect.stringContaining("RecordRefused"), 1]);
  expect(await say(new KubernetesError("Conflict", "old"), written)).toMatchObject({ sent: [], events: 0 });
});
