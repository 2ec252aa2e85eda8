/** Somebody who asks an operator for its metrics over TLS. */
import { Agent, request } from "undici";
import type { Operator } from "./operator.ts";

/** `ca`: PEM. Each time over a connection of its own, and so with the certificate of that moment. */
export async function scrapeSecure(
  operator: Operator,
  ca: string,
  authorization?: string,
): Promise<{ readonly status: number; readonly text: string; readonly challenge: unknown }> {
  const dispatcher = new Agent({ connect: { ca } });
  try {
    const { statusCode, headers, body } = await request(operator.metricsUrl.replace("http:", "https:"), {
      dispatcher,
      headers: authorization === undefined ? {} : { authorization },
    });
    return { status: statusCode, text: await body.text(), challenge: headers["www-authenticate"] };
  } finally {
    await dispatcher.close();
  }
}
