export * from "./client.ts";
export * from "./definitions-client.ts";
export * from "./connect-terminal.ts";
export * from "./follow-run.ts";
export * from "./problem-error.ts";
export type * from "./send.ts";
export * from "./server-sent-events.ts";
