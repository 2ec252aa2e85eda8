import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CertificateFiles } from "../../src/telemetry/certificate.ts";
import { serve } from "../../src/telemetry/http-server.ts";
import { Authority, type Certificate } from "../harness/certificates.ts";
import { waitFor } from "../harness/process.ts";

let dir: string;
let authority: Authority;
const paths = () => ({ certFile: `${dir}/tls.crt`, keyFile: `${dir}/tls.key` });

beforeAll(async () => {
  dir = await mkdtemp(`${tmpdir()}/serverfarm-certificate-`);
  authority = await Authority.create("metrics");
});
afterAll(() => rm(dir, { recursive: true }));

async function write({ cert, key }: Partial<Certificate>): Promise<void> {
  for (const [name, text] of [
    ["tls.crt", cert],
    ["tls.key", key],
  ] as const) {
    if (text === undefined) continue;
    await writeFile(`${dir}/${name}.new`, text);
    await rename(`${dir}/${name}.new`, `${dir}/${name}`);
  }
}

/** The name in the certificate that a new connection is shown. */
function shown(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", ca: authority.cert, checkServerIdentity: () => undefined }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

test("files that cannot be used are named", async () => {
  const problem = (): Promise<unknown> => CertificateFiles.load({ ...paths(), certFile: `${dir}/none` }, () => undefined);
  await expect(problem()).rejects.toThrow(new RegExp(`the certificate ${dir}/none with the key ${dir}/tls.key cannot be used: ENOENT`));
  const [one, other] = [await authority.certify(["one"]), await authority.certify(["other"])];
  await write({ cert: one.cert, key: other.key });
  await expect(CertificateFiles.load(paths(), () => undefined)).rejects.toThrow("the key is that of another certificate");
});

test("renewed files are shown to whoever connects next; halves of two are not, and said once", async () => {
  const [one, other] = [await authority.certify(["one"]), await authority.certify(["other"])];
  await write(one);
  const problems: string[] = [];
  const certificate = await CertificateFiles.load(paths(), (message) => problems.push(message), 1);
  const server = await serve("127.0.0.1:0", { "/": () => ({ status: 200, type: "text/plain", body: "ok" }) }, { certificate });
  try {
    expect(await shown(server.port)).toBe("one");
    for (const [count, cert] of ["", other.cert].entries()) {
      await write({ cert });
      await waitFor("the problem", () => problems.length === count + 1);
      expect(await shown(server.port)).toBe("one");
    }
    await write({ key: other.key });
    await waitFor(
      "the other certificate",
      () => shown(server.port),
      (name) => name === "other",
    );
    expect(problems).toEqual([
      expect.stringContaining("cannot be used"),
      expect.stringContaining("the key is that of another certificate"),
    ]);
    // In the clear it says nothing at all.
    await expect(fetch(`http://127.0.0.1:${server.port}/`)).rejects.toThrow("fetch failed");
  } finally {
    await server.close();
  }
});
