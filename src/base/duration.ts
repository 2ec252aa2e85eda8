const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** 15s, 1h30m, 500ms → milliseconds; undefined where the text is no duration. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d{1,9}(ms|s|m|h))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|s|m|h)/g)) {
    if (unit === "ms" || unit === "s" || unit === "m" || unit === "h") sum += Number(count) * UNITS[unit];
  }
  return sum;
}
