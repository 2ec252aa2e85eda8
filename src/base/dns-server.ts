/** How people write the address of a DNS server. */
import { isIP } from "node:net";

/** The address of a DNS server, with a port or without. A name would need DNS itself. */
export function isDnsServer(text: string): boolean {
  const [, six, four = text, port = "53"] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text) ?? [];
  return (six === undefined ? isIP(four) !== 0 : isIP(six) === 6) && Number(port) > 0 && Number(port) < 65_536;
}
