import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { networkInterfaces } from "node:os";
import { describe, expect, test } from "vitest";
import { serve } from "../../src/telemetry/http-server.ts";

const ROUTES = { "/healthz": () => ({ status: 200, type: "text/plain", body: "ok" }) };
const hasIPv6 = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === "::1"));

async function reached(host: string, port: number): Promise<string> {
  return await (await fetch(`http://${host}:${port}/healthz`)).text();
}

describe("an address", () => {
  test("[::] is reached over IPv4, and over IPv6 where there is any", async () => {
    const server = await serve("[::]:0", ROUTES);
    try {
      expect(await reached("127.0.0.1", server.port)).toBe("ok");
      if (hasIPv6) expect(await reached("[::1]", server.port)).toBe("ok");
    } finally {
      await server.close();
    }
  });

  test.skipIf(!hasIPv6)("of IPv6 is reached there alone", async () => {
    const server = await serve("[::1]:0", ROUTES);
    try {
      expect(await reached("[::1]", server.port)).toBe("ok");
      // Somebody else may have the same port there.
      expect(await reached("127.0.0.1", server.port).catch(() => "nobody")).not.toBe("ok");
    } finally {
      await server.close();
    }
  });

  test("that is taken is named", async () => {
    const server = await serve("[::]:0", ROUTES);
    try {
      await expect(serve(`[::]:${server.port}`, ROUTES)).rejects.toThrow(`cannot listen on [::]:${server.port}`);
    } finally {
      await server.close();
    }
  });
});

describe("whoever reads an answer slowly, or not at all,", () => {
  /** Never ends by itself. */
  async function* endless(): AsyncGenerator<string> {
    for (;;) yield await Promise.resolve("x".repeat(65_536));
  }
  /** The status of the metrics, whose body nobody reads. */
  async function statusFrom(localAddress: string, port: number): Promise<number | undefined> {
    const [response]: IncomingMessage[] = await once(get({ host: "127.0.0.1", port, path: "/metrics", localAddress }), "response");
    response?.on("error", () => undefined);
    return response?.statusCode;
  }
  const routes = { ...ROUTES, "/metrics": () => ({ status: 200, type: "text/plain", body: endless() }) };

  test("is one of a few, and is cut off after a while", async () => {
    const server = await serve("127.0.0.1:0", routes, { atOnce: { all: 3, each: 2 }, within: 1500 });
    try {
      const ask = async (): Promise<Response> => await fetch(`http://127.0.0.1:${server.port}/metrics`);
      const slow = [await ask(), await ask()];
      expect(slow.map(({ status }) => status)).toEqual([200, 200]);
      const refused = await ask();
      expect([refused.status, await refused.text()]).toEqual([503, "too many requests at once: try again\n"]);
      // Whoever asks from elsewhere does not suffer for it, up to a point.
      expect([await statusFrom("127.0.0.2", server.port), await statusFrom("127.0.0.3", server.port)]).toEqual([200, 503]);
      await Promise.all(slow.map((response) => expect(response.text()).rejects.toThrow("terminated")));
      expect(await reached("127.0.0.1", server.port)).toBe("ok");
    } finally {
      await server.close();
    }
  });
});
