/** Certificates for tests, made with openssl. */
import { writeFile } from "node:fs/promises";
import { run } from "./process.ts";

/** DIR/NAME.pem and DIR/NAME.key. */
export async function makeAuthority(dir: string, name: string): Promise<void> {
  await run("openssl", [
    ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30".split(" "),
    "-keyout",
    `${dir}/${name}.key`,
    "-out",
    `${dir}/${name}.pem`,
    "-subj",
    `/CN=${name}`,
  ]);
}

/** DIR/NAME.pem and DIR/NAME.key, signed by DIR/AUTHORITY; `names` as subjectAltName has them. With -1 days it expired yesterday. */
export async function makeCertificate(dir: string, authority: string, name: string, names: readonly string[], days = 30): Promise<void> {
  await run("openssl", [
    ..."req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes".split(" "),
    "-keyout",
    `${dir}/${name}.key`,
    "-out",
    `${dir}/${name}.csr`,
    "-subj",
    `/CN=${name}`,
  ]);
  await writeFile(`${dir}/${name}.ext`, `subjectAltName=${names.join(",")}\n`);
  const files = ["-in", `${dir}/${name}.csr`, "-CA", `${dir}/${authority}.pem`, "-CAkey", `${dir}/${authority}.key`, "-CAcreateserial"];
  await run("openssl", ["x509", "-req", ...files, "-out", `${dir}/${name}.pem`, "-extfile", `${dir}/${name}.ext`, "-days", String(days)]);
}
