/** The sandbox's servers stop at once, whatever their clients are at: a suite that stops one goes on. */
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { connect as connectTls } from "node:tls";
import { afterAll, describe, expect, test } from "vitest";
import { SandboxCluster } from "../harness/sandbox-cluster.ts";
import { SandboxDirectory } from "../harness/sandbox-directory.ts";

const dir = `${tmpdir()}/serverfarm-stop-${crypto.randomUUID()}`;
afterAll(() => rm(dir, { recursive: true, force: true }));

interface Running {
  readonly port: number;
  readonly stop: () => Promise<void>;
}

const SERVERS: readonly (readonly [name: string, start: () => Promise<Running>])[] = [
  [
    "API server",
    async () => {
      const cluster = await SandboxCluster.create(dir);
      return { port: cluster.kubernetes.port, stop: () => cluster.stopApiServer() };
    },
  ],
  [
    "directory",
    async () => {
      const directory = await SandboxDirectory.create();
      return { port: Number(new URL(directory.url).port), stop: () => directory.stop() };
    },
  ],
];

describe.each(SERVERS)("the %s stops", (_, start) => {
  test("under a client that has not begun its handshake", async () => {
    const { port, stop } = await start();
    expect(await stopUnder(connect(port, "127.0.0.1"), stop)).toBe("both ended");
  });

  test("under a client in the middle of its handshake", async () => {
    const { port, stop } = await start();
    const client = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
    expect(await stopUnder(client, stop)).toBe("both ended");
  });
});

/** Stops the server as soon as the client has its connection, and waits for the end of both. */
async function stopUnder(client: Socket, stop: () => Promise<void>): Promise<string> {
  const closed = new Promise((resolve) => client.once("close", resolve));
  // Cut off is how it should end.
  client.on("error", () => undefined);
  await once(client, "connect");
  await stop();
  await closed;
  return "both ended";
}
