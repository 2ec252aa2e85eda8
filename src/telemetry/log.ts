/** Lines for people (text) or for a log store (json). Never given entries, credentials or whole objects. */

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export const LOG_FORMATS = ["json", "text"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

type Value = string | number | boolean | undefined | readonly Value[] | { readonly [name: string]: Value };
export type Fields = Readonly<Record<string, Value>>;

export interface Log {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
}

/** `context`: fields that every line bears which is written while something goes on. */
export function createLog(
  level: LogLevel,
  format: LogFormat,
  write: (line: string) => void,
  context: () => Fields | undefined = () => undefined,
): Log {
  const least = LOG_LEVELS.indexOf(level);
  const at =
    (name: LogLevel) =>
    (message: string, own: Fields = {}): void => {
      if (LOG_LEVELS.indexOf(name) < least) return;
      const fields = { ...context(), ...own };
      const time = new Date().toISOString();
      if (format === "json") write(`${JSON.stringify({ time, level: name, message, ...fields })}\n`);
      else {
        const rest = Object.entries(fields).flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${JSON.stringify(value)}`]));
        write(`${[time, name.toUpperCase().padEnd(5), message, ...rest].join(" ")}\n`);
      }
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
