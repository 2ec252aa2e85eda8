/**
 * `npm run picture`: docs/demo.svg, a picture of the demo's own output. Reads what the demo prints in colour; `--steps 1,4` names the parts of
 * the tour that are in it.
 */
import { text } from "node:stream/consumers";
import { parseArgs, stripVTControlCharacters } from "node:util";

const { values } = parseArgs({ options: { steps: { type: "string", default: "1,2,3,4,5,6,7" } } });
const steps = new Set(values.steps.split(","));

/** SGR parameters that Node's styleText writes, as attributes of SVG's tspan. */
const STYLES: Readonly<Record<string, string>> = {
  "1": 'font-weight="bold"',
  "2": 'fill="#7d8590"',
  "31": 'fill="#ff7b72"',
  "32": 'fill="#7ee787"',
  "33": 'fill="#e3b341"',
  "36": 'fill="#79c0ff"',
};
/** What each ends: 22 both bold and dim, 39 a colour, 0 everything. */
const ENDS: Readonly<Record<string, readonly string[]>> = {
  "0": Object.keys(STYLES),
  "22": ["1", "2"],
  "39": ["31", "32", "33", "36"],
};
const [WIDTH, LINE, CHARACTER, PADDING] = [112, 18, 8.05, 16];

function toTspans(line: string): string {
  const active = new Set<string>();
  const [plain = "", ...styled] = line.split("\u001b[");
  return [
    tspan(plain, active),
    ...styled.map((part) => {
      const end = part.indexOf("m");
      for (const code of part.slice(0, end).split(";")) {
        for (const ended of ENDS[code] ?? []) active.delete(ended);
        if (STYLES[code] !== undefined) active.add(code);
      }
      return tspan(part.slice(end + 1), active);
    }),
  ].join("");
}

function tspan(text: string, active: ReadonlySet<string>): string {
  if (text === "") return "";
  const styles = [...active].map((code) => ` ${STYLES[code] ?? ""}`).join("");
  return `<tspan${styles}>${text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")}</tspan>`;
}

let step = "";
const lines = (await text(process.stdin)).split("\n").filter((line) => {
  const plain = stripVTControlCharacters(line);
  if (plain.startsWith(">") || plain.startsWith("Wrote")) return false;
  step = /^(\d) {2}\S/.exec(plain)?.[1] ?? step;
  return step === "" || steps.has(step);
});
while (stripVTControlCharacters(lines[0] ?? "x") === "") lines.shift();
while (stripVTControlCharacters(lines.at(-1) ?? "x") === "") lines.pop();

const [width, height] = [Math.round(WIDTH * CHARACTER + 2 * PADDING), lines.length * LINE + 2 * PADDING];
process.stdout.write(
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="The demo's output">
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="13" fill="#e6edf3" xml:space="preserve">
${lines.map((line, index) => `<text x="${PADDING}" y="${PADDING + (index + 0.75) * LINE}">${toTspans(line)}</text>`).join("\n")}
</g>
</svg>
`,
);
