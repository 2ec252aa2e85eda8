/** The way to a server. */
import net from "node:net";
import tls from "node:tls";
import { lookupAddress } from "../base/address-lookup.ts";

/** With TLS where it has options: `host` is the name in the certificate, whatever address is used. Milliseconds. */
export function connect(
  address: string,
  port: number,
  tlsOptions: tls.ConnectionOptions | undefined,
  host: string,
  within: number,
  lookup: net.LookupFunction = lookupAddress,
): Promise<net.Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<net.Socket>();
  const identity = { checkServerIdentity: (_: string, certificate: tls.PeerCertificate) => tls.checkServerIdentity(host, certificate) };
  const to = { host: address, port, lookup };
  const socket = tlsOptions ? tls.connect({ ...tlsOptions, ...identity, ...to }) : net.connect(to);
  const timer = setTimeout(() => {
    socket.destroy(new Error(`no connection within ${within / 1000} s`));
  }, within);
  socket.setKeepAlive(true, 30_000);
  socket.setNoDelay(true);
  socket.once("error", reject);
  socket.once(tlsOptions ? "secureConnect" : "connect", () => {
    socket.off("error", reject);
    // An error without a listener would end the process; the client adds its own.
    socket.on("error", () => undefined);
    resolve(socket);
  });
  return promise.finally(() => {
    clearTimeout(timer);
  });
}
