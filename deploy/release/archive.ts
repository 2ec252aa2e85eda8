/** Archives that depend on names, contents and who may execute a file, and on nothing else. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { run } from "./run.ts";

/** Packs these names of a folder; every file has the time `epoch`, in seconds. Compressed where the file is called .gz or .tgz. */
export async function pack(file: string, folder: string, names: readonly string[], epoch: number): Promise<void> {
  const alike = ["--sort=name", `--mtime=@${epoch}`, "--owner=0", "--group=0", "--numeric-owner", "--mode=u=rwX,go=rX", "--format=gnu"];
  // More than -3 takes twice as long, for Node's file to be a twentieth smaller.
  const compressed = /\.t?gz$/.test(file) ? ["--use-compress-program=gzip --no-name -3"] : [];
  await run("tar", ["--create", `--file=${file}`, ...alike, ...compressed, `--directory=${folder}`, ...names]);
}

export async function digestOf(file: string, algorithm: "sha256" | "sha512"): Promise<Buffer> {
  const hash = createHash(algorithm);
  await pipeline(createReadStream(file), hash);
  return hash.digest();
}
