import { z } from "zod";
import { templateProblem } from "../notifications/template.ts";
import { OUTCOMES } from "../notifications/is-told.ts";
import { definitionName, definitionView } from "./definition.ts";
import { originFilter } from "./run.ts";
import { pageOf, pageQuery, runId, timestamp } from "./shared.ts";

const MOST = 100;
const httpUrl = z
  .url({ protocol: /^https?$/, error: "write https://… or http://…" })
  .max(2048)
  .regex(/^[a-zA-Z]+:\/\/[^/?#@\s\\]+([/?#]|$)/, "write it without a user and password")
  .meta({ example: "https://ops.example.org/hooks/deckhand" });

const address = z.string().max(320).pipe(z.email()).meta({ example: "ops@example.org" });
const template = z
  .string()
  .max(4_000)
  .superRefine((text, context) => {
    const message = templateProblem(text);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });

const webhookSecret = z
  .string()
  .regex(/^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/, "write whsec_ and 24 to 64 bytes in base64")
  .meta({ description: "signs what is sent; never shown again" });

const smtpShape = {
  host: z
    .string()
    .max(253)
    .regex(
      /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$|^[0-9A-Fa-f:.]+$/,
      "write a name or an address",
    )
    .meta({ example: "smtp.example.org" }),
  port: z.number().int().min(1).max(65_535).optional().meta({
    description: "else 465 for tls, 587 for starttls, 25 for none",
  }),
  security: z.enum(["starttls", "tls", "none"]).default("starttls").meta({
    description: "starttls and tls refuse to send without encryption; none can not have a password",
  }),
  user: z.string().min(1).max(256).optional(),
};
const smtp = z.strictObject({
  ...smtpShape,
  password: z.string().min(1).max(1024).optional().meta({ description: "never shown again" }),
});

const messageShape = {
  from: address,
  to: z.array(address).min(1).max(50),
  subject: template.optional(),
  text: template.optional(),
};

/** Where to tell it. What is secret may be left out of a replacement: then it stays, as long as the place does. */
export const receiver = z
  .discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("webhook"),
      url: httpUrl,
      secret: webhookSecret.optional(),
    }),
    z.strictObject({
      kind: z.literal("slack"),
      url: httpUrl.optional().meta({ description: "is a secret by itself; never shown again" }),
      text: template.optional(),
    }),
    z.strictObject({ kind: z.literal("email"), smtp, ...messageShape }),
  ])
  .meta({ id: "Receiver" });
export type Receiver = z.infer<typeof receiver>;

/** Which ends of runs to tell; of several conditions all have to hold, of several values one. */
export const tellRule = z
  .strictObject({
    when: z
      .array(z.enum(OUTCOMES))
      .min(1)
      .max(OUTCOMES.length)
      .default(["failed", "lost", "timed-out", "rejected"])
      .meta({
        description:
          "states of a run; recovered is the first success after a failure, every is any end",
      }),
    scripts: z
      .array(z.string().min(1).max(300))
      .max(MOST)
      .default([])
      .meta({ description: "names of stored scripts, * and ? as wildcards", example: ["db/*"] }),
    origins: z
      .array(originFilter)
      .max(MOST)
      .default([])
      .meta({ description: "what started it", example: ["schedule/nightly"] }),
    on: z
      .array(z.string().min(1).max(1000))
      .max(MOST)
      .default([])
      .meta({
        description: "selectors; one of the run's targets has to match",
        example: ["label=role=db"],
      }),
  })
  .meta({ id: "TellRule" });
export type TellRule = z.infer<typeof tellRule>;

const common = {
  enabled: z.boolean().default(true),
  tell: tellRule.prefault({}),
  description: z.string().max(500).default(""),
};
export const replaceNotificationRequest = z
  .strictObject({ to: receiver, ...common })
  .meta({ id: "ReplaceNotificationRequest" });
export type ReplaceNotificationRequest = z.infer<typeof replaceNotificationRequest>;
export type ReplaceNotificationRequestInput = z.input<typeof replaceNotificationRequest>;
export const createNotificationRequest = replaceNotificationRequest
  .extend({ name: definitionName })
  .meta({ id: "CreateNotificationRequest" });

const receiverView = z
  .discriminatedUnion("kind", [
    z.object({ kind: z.literal("webhook"), url: z.string() }),
    z.object({
      kind: z.literal("slack"),
      host: z.string().meta({ description: "the rest of the address is secret" }),
      text: z.string().nullable(),
    }),
    z.object({
      kind: z.literal("email"),
      smtp: z.object({
        host: z.string(),
        port: z.number().int(),
        security: smtpShape.security.unwrap(),
        user: z.string().nullable(),
        hasPassword: z.boolean(),
      }),
      from: z.string(),
      to: z.array(z.string()),
      subject: z.string().nullable(),
      text: z.string().nullable(),
    }),
  ])
  .meta({ id: "ReceiverView" });

export const notification = definitionView("ntf_")
  .extend({
    to: receiverView,
    enabled: z.boolean(),
    disabledBecause: z
      .string()
      .nullable()
      .meta({ description: "set where the receiver asked for it (410)" }),
    tell: tellRule,
    description: z.string(),
  })
  .meta({ id: "Notification" });
export type Notification = z.infer<typeof notification>;
export const notificationPage = pageOf(notification).meta({ id: "NotificationPage" });

export const deliveryId = z
  .string()
  .regex(/^dlv_[0-9a-z]{26}$/)
  .meta({ example: "dlv_01k9g4z7e0s2m4n6p8q0r2t4v6" });
export const deliveryState = z.enum(["owed", "delivered", "given-up"]);

/** One thing to tell one receiver, with how that went. */
export const delivery = z
  .object({
    id: deliveryId.meta({
      description: "the same in each attempt: the receiver knows doubles by it",
    }),
    notification: z.string(),
    event: z.string().meta({ example: "run.failed" }),
    runId: runId.nullable(),
    state: deliveryState,
    attempts: z.number().int(),
    createdAt: timestamp,
    lastAttemptAt: timestamp.nullable(),
    nextAttemptAt: timestamp.nullable(),
    lastStatus: z.number().int().nullable().meta({ description: "the receiver's, HTTP or SMTP" }),
    lastAnswer: z
      .string()
      .nullable()
      .meta({ description: "the first 500 characters of its answer, or why there was none" }),
    body: z.record(z.string(), z.unknown()).meta({ description: "what is told" }),
  })
  .meta({ id: "Delivery" });
export type Delivery = z.infer<typeof delivery>;
export const deliveryPage = pageOf(delivery).meta({ id: "DeliveryPage" });
export type DeliveryPage = z.infer<typeof deliveryPage>;
export const deliveryQuery = pageQuery.extend({ state: deliveryState.optional() });
export type DeliveryQuery = z.infer<typeof deliveryQuery>;
