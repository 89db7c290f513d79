import { type DestinationStream, type Logger, pino } from "pino";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** JSON lines on standard output; never a token, never what a script wrote. */
export function createLogger(level: LogLevel, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: {
      paths: [
        "authorization",
        "*.authorization",
        "*.headers.authorization",
        "req.headers.authorization",
        "token.secret",
        "secret",
      ],
      censor: "•••",
    },
  };
  return destination ? pino(options, destination) : pino(options);
}
