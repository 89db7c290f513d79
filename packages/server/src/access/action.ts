/** What a route lets its caller do. `public` needs no token. */
export const ACTIONS = [
  "public",
  "info.read",
  "metrics.read",
  "target.read",
  "target.examine",
  "engine.read",
  "script.read",
  "script.write",
  "run.read",
  "run.create",
  "run.cancel",
  "terminal.read",
  "terminal.open",
  "terminal.connect",
  "terminal.end",
  "group.read",
  "group.write",
  "secret.read",
  "secret.write",
  "schedule.read",
  "schedule.write",
  "schedule.run",
  "retention.read",
  "retention.apply",
  "token.read",
  "token.write",
  "trigger.read",
  "trigger.write",
  "notification.read",
  "notification.write",
  "notification.test",
  "audit.read",
] as const;

export type Action = (typeof ACTIONS)[number];

/** Who calls: the token that was shown. */
export interface Principal {
  readonly tokenId: string;
  readonly name: string;
}
