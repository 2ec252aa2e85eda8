/** The clock of a domain controller beside the operator's own. */
import type { LdapSession } from "./session.ts";

/** By how many seconds it is ahead; undefined where it does not say the time. The answer's way and the server's whole seconds are in it. */
export async function clockSkew(session: Pick<LdapSession, "searchOne">): Promise<number | undefined> {
  const asked = Date.now();
  const root = await session.searchOne({ base: "", scope: "base", attributes: ["currentTime"] });
  const answered = Date.now();
  const time = decodeGeneralizedTime(root?.text("currentTime") ?? "");
  return time === undefined ? undefined : Math.round((time - (asked + answered) / 2) / 1000);
}

/** 20261127015100.0Z (RFC 4517 3.3.13, as Active Directory writes it): milliseconds since 1970; undefined for anything else. */
export function decodeGeneralizedTime(text: string): number | undefined {
  const [, date, time] = /^(\d{8})(\d{6})(?:[.]\d+)?Z$/.exec(text) ?? [];
  if (date === undefined || time === undefined) return undefined;
  const parts = (digits: string): readonly string[] => /^(\d+)(\d\d)(\d\d)$/.exec(digits)?.slice(1) ?? [];
  const value = Date.parse(`${parts(date).join("-")}T${parts(time).join(":")}Z`);
  return Number.isNaN(value) ? undefined : value;
}
