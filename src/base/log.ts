/** Log lines for people and for collectors: standard error or a file, never standard output. */

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFields = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to every line. */
  with(fields: LogFields): Logger;
}

const ORDER: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Receives each line, without its line end. */
  readonly write: (line: string) => void;
  readonly now?: () => Date;
}

/** Lines of the form `2026-01-31T12:00:00.000Z WARN message key=value key="two words"`. */
export function createLogger(options: LoggerOptions): Logger {
  const now = options.now ?? (() => new Date());
  const build = (bound: LogFields): Logger => {
    const line = (level: LogLevel, message: string, fields: LogFields = {}): void => {
      if (ORDER[level] < ORDER[options.level]) return;
      const words = Object.entries({ ...bound, ...fields })
        .filter(([, value]) => value !== undefined)
        .map(([key, value]) => `${key}=${quote(String(value))}`);
      options.write([now().toISOString(), level.toUpperCase(), oneLine(message), ...words].join(" "));
    };
    return {
      debug: (message, fields) => line("debug", message, fields),
      info: (message, fields) => line("info", message, fields),
      warn: (message, fields) => line("warn", message, fields),
      error: (message, fields) => line("error", message, fields),
      with: (fields) => build({ ...bound, ...fields }),
    };
  };
  return build({});
}

/** For tests and for callers that want silence. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  with: () => silentLogger,
};

function quote(value: string): string {
  return /^[\w./:@+-]+$/.test(value) ? value : JSON.stringify(value);
}

function oneLine(message: string): string {
  return message.replaceAll(/[\r\n]+/g, " ");
}
