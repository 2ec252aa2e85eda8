/** The body of an answer, as far as it is worth its memory. */

/** Undefined where it has more bytes; then it is read no further. */
export async function textUpTo(bytes: number, body: AsyncIterable<Buffer>): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > bytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
