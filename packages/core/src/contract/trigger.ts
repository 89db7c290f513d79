import { z } from "zod";
import { findDurationMs } from "../duration.ts";
import { BODY_POINTER } from "../triggers/map-body.ts";
import { definitionName, definitionView } from "./definition.ts";
import { runRequest } from "./run.ts";
import { durationText, pageOf, runId } from "./shared.ts";

const selectorText = z.string().min(1).max(1000);

function durationBetween(least: string, most: string) {
  const [from, to] = [findDurationMs(least) ?? 0, findDurationMs(most) ?? 0];
  return durationText.refine((text) => {
    const durationMs = findDurationMs(text) ?? -1;
    return durationMs >= from && durationMs <= to;
  }, `write a span from ${least} to ${most}`);
}

/** How somebody else's messages are signed. */
export const signatureScheme = z.enum(["standard", "github"]).meta({
  description:
    "standard: Standard Webhooks 1.0.0; github: X-Hub-Signature-256, as GitHub, Gitea and Forgejo send it",
});
export type SignatureScheme = z.infer<typeof signatureScheme>;

const tolerance = durationBetween("1s", "1h").default("5m").meta({
  description: "how far a standard message's time may be from ours; a github message has none",
});
const EVENTS = ["start", "die", "oom", "unhealthy", "healthy"] as const;
export type ContainerEventKind = (typeof EVENTS)[number];
const events = z
  .array(z.enum(EVENTS))
  .min(1)
  .max(EVENTS.length)
  .meta({ example: ["unhealthy"] });
const containerShape = {
  events,
  on: z.array(selectorText).min(1).max(100).meta({
    description: "selectors; the container that it happens to matches one of them",
  }),
  except: z.array(selectorText).max(100).default([]),
  cooldown: durationBetween("0s", "24h").default("1m").meta({
    description:
      "after a start nothing that happens to the same container starts another for so long",
  }),
};

/** What starts it. */
export const triggerSource = z
  .discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("webhook"),
      scheme: signatureScheme.default("standard"),
      secret: z.string().min(16).max(256).optional().meta({
        description:
          "whsec_… for standard, any text for github; never shown again, and stays when it is left out of a replacement",
      }),
      tolerance,
    }),
    z.strictObject({ kind: z.literal("container"), ...containerShape }),
  ])
  .meta({ id: "TriggerSource" });
export type TriggerSource = z.infer<typeof triggerSource>;

const { script, inline: _, argv: __, stdin: ___, on: ____, ...restOfRun } = runRequest.shape;

const pointer = z
  .string()
  .max(500)
  .regex(BODY_POINTER, "write a JSON pointer, such as /ref or /repository/name")
  .meta({ example: "/ref" });

/** What is started: a stored script; of the message only what `map` names reaches it. */
const triggerRun = z.strictObject({
  ...restOfRun,
  script: script.unwrap(),
  scope: z.enum(["any", "self", "project"]).default("any").meta({
    description:
      "for container events: self is the container that it happened to, project only what is of the same compose project",
  }),
  on: z.array(selectorText).max(100).default([]).meta({
    description: "selectors, found anew each time; none where the scope is self",
  }),
  map: z
    .record(z.string().max(100), pointer)
    .default({})
    .meta({
      description: "parameters by their place in the message",
      example: { BRANCH: "/ref" },
    }),
});

const common = {
  enabled: z.boolean().default(true),
  run: triggerRun,
  onlyIf: z
    .record(pointer, z.array(z.string().max(500)).min(1).max(100))
    .default({})
    .meta({
      description: "places of the message and the texts of which one has to stand there",
      example: { "/ref": ["refs/heads/main"] },
    }),
  limit: z
    .strictObject({
      count: z.number().int().min(1).max(1000).default(30),
      per: durationBetween("1s", "24h").default("1m"),
    })
    .prefault({})
    .meta({ description: "how many starts are taken in which time" }),
  description: z.string().max(500).default(""),
};
export const replaceTriggerRequest = z
  .strictObject({ source: triggerSource, ...common })
  .meta({ id: "ReplaceTriggerRequest" });
export type ReplaceTriggerRequest = z.infer<typeof replaceTriggerRequest>;
export type ReplaceTriggerRequestInput = z.input<typeof replaceTriggerRequest>;
export const createTriggerRequest = replaceTriggerRequest
  .extend({ name: definitionName })
  .meta({ id: "CreateTriggerRequest" });

const sourceView = z
  .discriminatedUnion("kind", [
    z.object({
      kind: z.literal("webhook"),
      scheme: signatureScheme,
      tolerance: z.string(),
      url: z.string().meta({ description: "where messages are posted to" }),
    }),
    z.object({
      kind: z.literal("container"),
      events,
      on: z.array(z.string()),
      except: z.array(z.string()),
      cooldown: z.string(),
    }),
  ])
  .meta({ id: "TriggerSourceView" });

export const trigger = definitionView("trg_")
  .extend({
    source: sourceView,
    enabled: z.boolean(),
    run: z.object(triggerRun.shape).meta({
      description: "a fixed value whose parameter became secret is shown as •••",
    }),
    onlyIf: common.onlyIf,
    limit: z.object({ count: z.number().int(), per: z.string() }),
    description: z.string(),
  })
  .meta({ id: "Trigger" });
export type Trigger = z.infer<typeof trigger>;
export const triggerPage = pageOf(trigger).meta({ id: "TriggerPage" });

export const triggerId = z
  .string()
  .regex(/^trg_[0-9a-z]{26}$/)
  .meta({ example: "trg_01k9g4z7e0s2m4n6p8q0r2t4v6" });

/** What a message started. */
export const triggerAnswer = z
  .object({
    runId: runId.nullable().meta({ description: "null when onlyIf does not hold" }),
    replayed: z
      .boolean()
      .meta({ description: "the message had come before; nothing new was started" }),
    url: z.string().nullable(),
  })
  .meta({ id: "TriggerAnswer" });
export type TriggerAnswer = z.infer<typeof triggerAnswer>;
