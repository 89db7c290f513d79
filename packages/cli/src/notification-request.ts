import type { Notification, ReplaceNotificationRequestInput } from "@deckhand/core";
import {
  type DefinitionFlags,
  type DefinitionRequest,
  newSecret,
  readSecretFile,
  toCommonBody,
} from "./definition-request.ts";
import { UsageError } from "./usage-error.ts";

export interface NotificationFlags extends DefinitionFlags {
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
}

/** The flags, with what stood in files in place of their names. */
export interface GivenNotification
  extends Omit<NotificationFlags, "secretFile" | "slackFile" | "passwordFile"> {
  readonly secret: string | undefined;
  readonly slack: string | undefined;
  readonly password: string | undefined;
}

export async function readNotificationFlags(
  flags: NotificationFlags,
): Promise<
  (before: Notification | undefined) => DefinitionRequest<ReplaceNotificationRequestInput>
> {
  const { secretFile, slackFile, passwordFile, ...rest } = flags;
  const given: GivenNotification = {
    ...rest,
    secret: await readSecretFile(secretFile),
    slack: await readSecretFile(slackFile),
    password: await readSecretFile(passwordFile),
  };
  return (before) => toNotificationRequest(given, before);
}

/** What is not given stays as it was. */
export function toNotificationRequest(
  given: GivenNotification,
  before: Notification | undefined,
): DefinitionRequest<ReplaceNotificationRequestInput> {
  const isNewPlace = before?.to.kind !== "webhook" || before.to.url !== given.webhook;
  const needsSecret = given.webhook !== undefined && given.secret === undefined && isNewPlace;
  const madeSecret = needsSecret ? newSecret() : undefined;
  return {
    body: {
      to: toReceiver({ ...given, secret: given.secret ?? madeSecret }, before?.to),
      tell: toTell(given, before?.tell),
      ...toCommonBody(given, before),
    },
    madeSecret,
  };
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
