/** The soak's samples for spreadsheets, and as a picture. */
import type { Sample } from "./verdict.ts";

const COLUMNS: readonly (readonly [name: string, of: (sample: Sample) => number, digits: number])[] = [
  ["minutes", ({ minutes }) => minutes, 2],
  ["rss_mb", ({ rss }) => rss, 1],
  ["heap_used_mb", ({ heap }) => heap, 1],
  ["heap_total_mb", ({ heapTotal }) => heapTotal, 1],
  ["external_mb", ({ external }) => external, 1],
  ["cpu_seconds", ({ cpu }) => cpu, 2],
  ["driver_cpu_seconds", ({ cpuHere }) => cpuHere, 2],
  ["open_fds", ({ descriptors }) => descriptors, 0],
  ["active_resources", ({ resources }) => resources, 0],
  ["reconciles", ({ reconciles }) => reconciles, 0],
  ["directory_changes", ({ changes }) => changes, 0],
];

export function csv(samples: readonly Sample[]): string {
  const lines = samples.map((sample) => COLUMNS.map(([, of, digits]) => of(sample).toFixed(digits)).join(","));
  return `${[COLUMNS.map(([name]) => name).join(","), ...lines].join("\n")}\n`;
}

const [WIDTH, HEIGHT, LEFT, TOP] = [760, 300, 50, 30];

/** RSS and the heap in use over the minutes. */
export function svg(samples: readonly Sample[], title: string): string {
  const last = Math.max(1, samples.at(-1)?.minutes ?? 1);
  const most = Math.max(50, Math.ceil(Math.max(...samples.map(({ rss }) => rss)) / 50) * 50);
  const x = (minutes: number): number => LEFT + (minutes / last) * (WIDTH - LEFT - 20);
  const y = (megabytes: number): number => HEIGHT - 40 - (megabytes / most) * (HEIGHT - 40 - TOP);
  const line = (of: (sample: Sample) => number, color: string, name: string, row: number): string => {
    const points = samples.map((sample) => `${x(sample.minutes).toFixed(1)},${y(of(sample)).toFixed(1)}`).join(" ");
    return `<polyline fill="none" stroke="${color}" points="${points}"/><text x="${WIDTH - 150}" y="${TOP + 14 * row}" fill="${color}">${name}</text>`;
  };
  const ticks = Array.from({ length: most / 50 + 1 }, (_, index) => index * 50).map(
    (value) =>
      `<path d="M${LEFT} ${y(value)}H${WIDTH - 20}" stroke="#8884"/><text x="${LEFT - 8}" y="${y(value) + 4}" text-anchor="end">${value}</text>`,
  );
  const times = Array.from({ length: 7 }, (_, index) => (last / 6) * index).map(
    (value) => `<text x="${x(value)}" y="${HEIGHT - 22}" text-anchor="middle">${value.toFixed(last < 20 ? 1 : 0)}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
<text x="${LEFT}" y="16">${title}</text>
${ticks.join("\n")}
${times.join("\n")}
<text x="${WIDTH / 2}" y="${HEIGHT - 6}" text-anchor="middle">minutes</text>
${line(({ rss }) => rss, "#c0392b", "RSS, MB", 0)}
${line(({ heap }) => heap, "#2471a3", "heap in use, MB", 1)}
</svg>
`;
}
