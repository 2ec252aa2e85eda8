/** FILETIME: 100 ns since 1601, as a decimal string. Milliseconds since 1970; undefined for 0 and for never. */
export function decodeFiletime(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,19}$/.test(text)) return undefined;
  const ticks = BigInt(text);
  if (ticks === 0n || ticks === 0x7fffffffffffffffn) return undefined;
  return Number(ticks / 10_000n) - 11_644_473_600_000;
}
