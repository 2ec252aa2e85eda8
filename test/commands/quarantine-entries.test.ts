import { describe, expect, test } from "vitest";
import type { ServerFarm } from "../../src/api/generated/server-farm.ts";
import { addEntries, type FarmAccess, otherOwners, QUARANTINE_MANAGER, removeEntries } from "../../src/commands/quarantine-entries.ts";
import { farmWithHost, type MeantHost } from "../../src/commands/quarantined-hosts.ts";
import { KubernetesError } from "../../src/kubernetes/api-error.ts";
import { farm } from "../farm/simulation.ts";

const COMPUTERS = ["WEB01", "WEB02"];

function host(text: string): MeantHost {
  return { text, domain: "contoso", objects: new Set() };
}

/** One farm as the API server keeps it: who applies sends all of its entries, and of no version but the newest. */
class Server implements FarmAccess {
  readonly #owned = new Map<string, readonly string[]>();
  computers: readonly string[] = COMPUTERS;
  uid = "u1";
  version = 1;
  /** Called before each write, as others get in between. */
  before: () => void = () => undefined;

  set(manager: string, quarantined: readonly string[]): void {
    this.#owned.set(manager, quarantined);
    this.version++;
  }

  get quarantined(): readonly string[] {
    return [...new Set([...this.#owned.values()].flat())].toSorted();
  }

  get farm(): ServerFarm {
    const { spec, metadata } = farm({ hosts: { computers: this.computers, quarantined: this.quarantined } });
    const managedFields = [...this.#owned].map(([manager, entries]) => ({
      manager,
      operation: "Apply",
      fieldsV1: {
        "f:spec": { "f:hosts": { "f:quarantined": Object.fromEntries(entries.map((text) => [`v:${JSON.stringify(text)}`, {}])) } },
      },
    }));
    return { spec, metadata: { ...metadata, ...{ managedFields }, uid: this.uid, resourceVersion: String(this.version) } };
  }

  read = (): Promise<ServerFarm> => Promise.resolve(this.farm);

  apply = ({ metadata }: ServerFarm, quarantined: readonly string[]): Promise<void> => {
    this.before();
    if (metadata.resourceVersion !== String(this.version)) return Promise.reject(new KubernetesError("Conflict", "it was modified"));
    this.set(QUARANTINE_MANAGER, quarantined);
    return Promise.resolve();
  };
}

function once(work: () => void): () => void {
  let left = 1;
  return () => {
    if (left-- > 0) work();
  };
}

describe("the entries of hosts.quarantined", () => {
  test("are those of the farm as it is right before the write", async () => {
    const server = new Server();
    const listed = server.farm;
    await addEntries(listed, host("WEB02"), server);
    await addEntries(listed, host("WEB01"), server);
    expect(server.quarantined).toEqual(["WEB01", "WEB02"]);
    await removeEntries(listed, host("WEB01"), server);
    expect(server.quarantined).toEqual(["WEB02"]);
  });

  test("are kept by two runs at once", async () => {
    const server = new Server();
    server.before = once(() => server.set(QUARANTINE_MANAGER, ["WEB02"]));
    await addEntries(server.farm, host("WEB01"), server);
    expect(server.quarantined).toEqual(["WEB01", "WEB02"]);
    server.before = once(() => server.set(QUARANTINE_MANAGER, ["WEB01", "WEB02", "WEB03"]));
    await removeEntries(server.farm, host("WEB01"), server);
    expect(server.quarantined).toEqual(["WEB02", "WEB03"]);
  });

  test("stay as they are where others never stop writing", async () => {
    const server = new Server();
    server.before = () => server.set("operator", []);
    await expect(addEntries(server.farm, host("WEB01"), server)).rejects.toThrow("others change it all the time: it was modified");
    expect(server.quarantined).toEqual([]);
  });

  test("are not written to another farm of that name, nor to one that does not have the host any more", async () => {
    const server = new Server();
    const listed = server.farm;
    server.computers = ["WEB02"];
    await expect(addEntries(listed, host("WEB01"), server)).rejects.toThrow("the farm does not have WEB01 any more");
    server.computers = COMPUTERS;
    server.set(QUARANTINE_MANAGER, ["WEB02"]);
    server.uid = "u2";
    await expect(addEntries(listed, host("WEB01"), server)).rejects.toThrow("it is another farm of the same name");
    await expect(removeEntries(listed, host("WEB02"), server)).rejects.toThrow("it is another farm of the same name");
    expect(server.quarantined).toEqual(["WEB02"]);
  });

  test("go on release as far as this command owns them", async () => {
    const server = new Server();
    server.computers = ["CN=WEB01,OU=Web", "WEB01"];
    await addEntries(server.farm, host("WEB01"), server);
    expect(server.quarantined).toEqual(["CN=WEB01,OU=Web", "WEB01"]);
    server.set("gitops", ["WEB01$"]);
    await removeEntries(server.farm, host("WEB01"), server);
    expect(server.quarantined).toEqual(["WEB01$"]);
    expect(otherOwners(server.farm, "WEB01$")).toEqual(["gitops"]);
    expect(farmWithHost(server.farm, host("WEB01"))?.releasable).toEqual(["WEB01$"]);
  });
});
