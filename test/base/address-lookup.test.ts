import dns from "node:dns";
import net from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { lookupAddress } from "../../src/base/address-lookup.ts";

type Answer = (...answer: readonly unknown[]) => void;

/** What was asked of the system, with the way to answer it. */
function questions(): { readonly host: unknown; readonly options: unknown; readonly answer: Answer }[] {
  const asked: ReturnType<typeof questions> = [];
  vi.spyOn(dns, "lookup").mockImplementation((...[host, options, answered]: readonly unknown[]) => {
    if (typeof answered !== "function") throw new Error("nobody to answer");
    asked.push({ host, options, answer: (...answer) => void Reflect.apply(answered, undefined, answer) });
  });
  return asked;
}

afterEach(() => vi.restoreAllMocks());

test("a name is asked for once at a time, however many ask, and again when it was answered", () => {
  const [asked, told]: [ReturnType<typeof questions>, unknown[][]] = [questions(), []];
  const ask = (host: string, options: dns.LookupOptions = {}): void => lookupAddress(host, options, (...answer) => told.push(answer));
  for (const host of ["dead", "live", "dead", "live"]) ask(host);
  expect(asked.map(({ host }) => host)).toEqual(["dead", "live"]);
  asked[1]?.answer(null, "192.0.2.1", 4);
  expect(told).toEqual([
    [null, "192.0.2.1", 4],
    [null, "192.0.2.1", 4],
  ]);
  for (const host of ["dead", "live"]) ask(host);
  expect(asked.map(({ host }) => host)).toEqual(["dead", "live", "live"]);
  const error = new Error("no such name");
  asked[0]?.answer(error);
  expect(told.slice(2)).toEqual([[error], [error], [error]]);
  ask("dead");
  expect(asked).toHaveLength(4);
});

test("who wants all addresses, or those of one family, has a question of their own", () => {
  const asked = questions();
  for (const options of [{ all: true }, {}, { family: 6 }, { all: true }]) lookupAddress("other", options, () => undefined);
  expect(asked.map(({ options }) => options)).toEqual([{ all: true }, {}, { family: 6 }]);
});

test.each([true, false])("a connection is made to what the system answers (all addresses: %s)", async (autoSelectFamily) => {
  await using server = net.createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const socket = net.connect({ host: "localhost", family: 4, port, autoSelectFamily, lookup: lookupAddress });
  await new Promise((resolve) => socket.once("connect", resolve));
  expect(socket.remoteAddress).toBe("127.0.0.1");
  socket.destroy();
});
