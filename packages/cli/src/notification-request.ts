import { randomBytes } from "node:crypto";
import {
  explainJsonError,
  type Notification,
  type ReplaceNotificationRequestInput,
} from "@deckhand/core";
import { readText } from "./run-options.ts";
import { UsageError } from "./usage-error.ts";

export interface NotificationFlags {
  readonly webhook?: string;
  readonly secretFile?: string;
  readonly slackFile?: string;
  readonly email?: string[];
  readonly from?: string;
  readonly smtp?: string;
  readonly smtpSecurity?: string;
  readonly smtpUser?: string;
  readonly passwordFile?: string;
  readonly subject?: string;
  readonly text?: string;
  readonly when?: string[];
  readonly script?: string[];
  readonly origin?: string[];
  readonly on?: string[];
  readonly description?: string;
  readonly enable?: boolean;
  readonly disable?: boolean;
  readonly file?: string;
}

/** The flags, with what stood in files in place of their names. */
export interface GivenNotification
  extends Omit<NotificationFlags, "secretFile" | "slackFile" | "passwordFile" | "file"> {
  readonly secret: string | undefined;
  readonly slack: string | undefined;
  readonly password: string | undefined;
  readonly whole: ReplaceNotificationRequestInput | undefined;
}

/** Secrets come from files: whoever may list processes reads a command line. */
export async function readNotificationFlags(flags: NotificationFlags): Promise<GivenNotification> {
  const { secretFile, slackFile, passwordFile, file, ...rest } = flags;
  return {
    ...rest,
    secret: await readLine(secretFile),
    slack: await readLine(slackFile),
    password: await readLine(passwordFile),
    whole: file === undefined ? undefined : await readJson<ReplaceNotificationRequestInput>(file),
  };
}

async function readLine(path: string | undefined): Promise<string | undefined> {
  return path === undefined ? undefined : (await readText(path)).replace(/\r?\n$/, "");
}

/** Reads the body of a request; what is in it the server checks. */
export async function readJson<Body>(path: string): Promise<Body> {
  const text = await readText(path);
  try {
    return JSON.parse(text) as Body;
  } catch (error) {
    throw new UsageError(`${path} is not valid JSON: ${explainJsonError(error)}`);
  }
}

export interface NotificationRequest {
  readonly body: ReplaceNotificationRequestInput;
  /** A secret that nobody gave. */
  readonly madeSecret: string | undefined;
}

/** What is not given stays as it was. */
export function toNotificationRequest(
  given: GivenNotification,
  before: Notification | undefined,
): NotificationRequest {
  if (given.whole) return { body: given.whole, madeSecret: undefined };
  const isNewPlace = before?.to.kind !== "webhook" || before.to.url !== given.webhook;
  const madeSecret =
    given.webhook !== undefined && given.secret === undefined && isNewPlace
      ? `whsec_${randomBytes(32).toString("base64")}`
      : undefined;
  return {
    body: {
      to: toReceiver({ ...given, secret: given.secret ?? madeSecret }, before?.to),
      tell: toTell(given, before?.tell),
      description: given.description ?? before?.description ?? "",
      enabled: isEnabled(given, before),
    },
    madeSecret,
  };
}

/** Something new is on, and what was there stays as it was. */
export function isEnabled(
  { enable, disable }: { readonly enable?: boolean; readonly disable?: boolean },
  before: { readonly enabled: boolean } | undefined,
): boolean {
  if (enable || disable) return enable === true;
  return before?.enabled ?? true;
}

type Receiver = ReplaceNotificationRequestInput["to"];

function toReceiver(given: GivenNotification, before: Notification["to"] | undefined): Receiver {
  switch (kindOf(given) ?? before?.kind) {
    case "webhook": {
      const known = before?.kind === "webhook" ? before : undefined;
      const { webhook: url = known?.url ?? "", secret } = given;
      return { kind: "webhook", url, ...(secret !== undefined && { secret }) };
    }
    case "slack": {
      const known = before?.kind === "slack" ? before : undefined;
      const { slack: url, text = known?.text ?? undefined } = given;
      const parts = { ...(url !== undefined && { url }), ...(text !== undefined && { text }) };
      return { kind: "slack", ...parts };
    }
    case "email":
      return toMail(given, before?.kind === "email" ? before : undefined);
    case undefined:
      throw new UsageError("it is not said whom to tell", ONE_RECEIVER);
  }
}

function kindOf({ webhook, slack, email }: GivenNotification): Receiver["kind"] | undefined {
  const given = Object.entries({ webhook, slack, email }).filter(([, one]) => one !== undefined);
  if (given.length > 1) throw new UsageError("a notification has one receiver", ONE_RECEIVER);
  return given[0]?.[0] as Receiver["kind"] | undefined;
}

const ONE_RECEIVER = { hint: "Give one of --webhook, --slack-file and --email, or --file" };

type MailView = Extract<Notification["to"], { kind: "email" }>;

function toMail(given: GivenNotification, before: MailView | undefined): Receiver {
  const from = given.from ?? before?.from;
  if (from === undefined) throw new UsageError("a mail needs --from", ONE_RECEIVER);
  const subject = given.subject ?? before?.subject ?? undefined;
  const text = given.text ?? before?.text ?? undefined;
  return {
    kind: "email",
    smtp: toSmtp(given, before?.smtp),
    from,
    to: given.email ?? before?.to ?? [],
    ...(subject !== undefined && { subject }),
    ...(text !== undefined && { text }),
  };
}

function toSmtp(given: GivenNotification, before: MailView["smtp"] | undefined) {
  const { smtp, smtpSecurity, smtpUser, password } = given;
  const [, host = before?.host, port] = /^(.+?)(?::(\d{1,5}))?$/.exec(smtp ?? "") ?? [];
  if (host === undefined)
    throw new UsageError("a mail needs --smtp, the mail server", ONE_RECEIVER);
  const security = (smtpSecurity ?? before?.security) as MailView["smtp"]["security"] | undefined;
  const user = smtpUser ?? before?.user ?? undefined;
  const usedPort = port ?? (smtp === undefined ? before?.port : undefined);
  return {
    host,
    ...(usedPort !== undefined && { port: Number(usedPort) }),
    ...(security !== undefined && { security }),
    ...(user !== undefined && { user }),
    ...(password !== undefined && { password }),
  };
}

function toTell(
  { when, script, origin, on }: GivenNotification,
  before: Notification["tell"] | undefined,
): ReplaceNotificationRequestInput["tell"] {
  const wanted = (when?.flatMap((one) => one.split(",")) ?? before?.when) as
    | Notification["tell"]["when"]
    | undefined;
  return {
    ...(wanted && { when: wanted }),
    scripts: script ?? before?.scripts ?? [],
    origins: origin ?? before?.origins ?? [],
    on: on ?? before?.on ?? [],
  };
}
