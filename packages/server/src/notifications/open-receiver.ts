import { AppError, type Receiver } from "@deckhand/core";
import { z } from "zod";
import type { Vault } from "../secrets/vault.ts";

/** A receiver as it is kept: what is secret only sealed. */
export const keptReceiver = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("webhook"), url: z.string(), sealedSecret: z.string() }),
  z.object({
    kind: z.literal("slack"),
    host: z.string(),
    sealedUrl: z.string(),
    text: z.string().optional(),
  }),
  z.object({
    kind: z.literal("email"),
    smtp: z.object({
      host: z.string(),
      port: z.number(),
      security: z.enum(["starttls", "tls", "none"]),
      user: z.string().optional(),
      sealedPassword: z.string().optional(),
    }),
    from: z.string(),
    to: z.array(z.string()),
    subject: z.string().optional(),
    text: z.string().optional(),
  }),
]);
export type KeptReceiver = z.infer<typeof keptReceiver>;
type KeptMail = Extract<KeptReceiver, { kind: "email" }>;

/** A receiver with its secrets, for the moment of sending. */
export type OpenReceiver =
  | { readonly kind: "webhook"; readonly url: string; readonly secret: string }
  | { readonly kind: "slack"; readonly url: string; readonly text: string | undefined }
  | (Omit<KeptMail, "smtp"> & {
      readonly smtp: Omit<KeptMail["smtp"], "sealedPassword"> & {
        readonly password: string | undefined;
      };
    });

/** Opens what is sealed; throws SECRETS_UNREADABLE. */
export function openReceiver(
  vault: Pick<Vault, "open">,
  name: string,
  kept: KeptReceiver,
): OpenReceiver {
  const open = (sealed: string) => vault.open(sealed, contextOf(name));
  switch (kept.kind) {
    case "webhook":
      return { kind: "webhook", url: kept.url, secret: open(kept.sealedSecret) };
    case "slack":
      return { kind: "slack", url: open(kept.sealedUrl), text: kept.text };
    case "email": {
      const { sealedPassword, ...smtp } = kept.smtp;
      const password = sealedPassword === undefined ? undefined : open(sealedPassword);
      return { ...kept, smtp: { ...smtp, password } };
    }
  }
}

export interface Keeping {
  readonly name: string;
  readonly receiver: Receiver;
  readonly before: KeptReceiver | undefined;
}

/** Seals what is secret. What is left out stays as it was, if it goes to the same place: no secret follows to another one. */
export function sealReceiver(vault: Pick<Vault, "seal">, keeping: Keeping): KeptReceiver {
  const { name, receiver, before } = keeping;
  const seal = (text: string) => vault.seal(text, contextOf(name));
  switch (receiver.kind) {
    case "webhook": {
      const { kind, url, secret } = receiver;
      const known = before?.kind === kind && before.url === url ? before.sealedSecret : undefined;
      const sealedSecret = secret === undefined ? known : seal(secret);
      if (sealedSecret === undefined) throw missing("/to/secret", "is needed for this address");
      return { kind, url, sealedSecret };
    }
    case "slack": {
      const { kind, url, text } = receiver;
      const known = before?.kind === kind ? before : undefined;
      if (url !== undefined)
        return { kind, host: new URL(url).host, sealedUrl: seal(url), ...withText(text) };
      if (!known) throw missing("/to/url", "is needed");
      return { kind, host: known.host, sealedUrl: known.sealedUrl, ...withText(text) };
    }
    case "email":
      return { ...receiver, smtp: sealSmtp(seal, receiver.smtp, before) };
  }
}

const USUAL_PORTS = { starttls: 587, tls: 465, none: 25 } as const;

function sealSmtp(
  seal: (text: string) => string,
  { password, port, ...smtp }: Extract<Receiver, { kind: "email" }>["smtp"],
  before: KeptReceiver | undefined,
): KeptMail["smtp"] {
  const place = { ...smtp, port: port ?? USUAL_PORTS[smtp.security] };
  const known =
    before?.kind === "email" && isSamePlace(before.smtp, place) ? before.smtp : undefined;
  const sealedPassword = password === undefined ? known?.sealedPassword : seal(password);
  assertLogin(place, sealedPassword !== undefined);
  return sealedPassword === undefined ? place : { ...place, sealedPassword };
}

type SmtpPlace = Omit<KeptMail["smtp"], "sealedPassword">;

function isSamePlace(one: SmtpPlace, other: SmtpPlace): boolean {
  return (
    one.host === other.host &&
    one.port === other.port &&
    one.security === other.security &&
    one.user === other.user
  );
}

function assertLogin({ user, security }: SmtpPlace, hasPassword: boolean): void {
  if (user !== undefined && !hasPassword)
    throw missing("/to/smtp/password", "is needed for this user at this server");
  if (user === undefined && hasPassword) throw missing("/to/smtp/user", "is needed for a password");
  if (hasPassword && security === "none")
    throw missing("/to/smtp/security", "must be starttls or tls where there is a password");
}

function withText(text: string | undefined) {
  return text === undefined ? {} : { text };
}

function contextOf(name: string): string {
  return `notification/${name}`;
}

function missing(pointer: string, detail: string): AppError {
  return new AppError("BODY_INVALID", {
    detail: `The body is not valid at ${pointer}: ${detail}.`,
    hint: "A secret stays when it is left out, as long as the address does.",
    errors: [{ pointer, detail }],
  });
}
