import { RUN, TIME, TOKEN } from "./example-values.ts";

const notification = {
  id: "ntf_01k9g4z7e0s2m4n6p8q0r2t4v2",
  name: "ops",
  version: 1,
  createdAt: TIME.queued,
  updatedAt: TIME.queued,
  by: { tokenId: TOKEN, name: "ann" },
  to: { kind: "webhook", url: "https://ops.example.org/hooks/deckhand" },
  enabled: true,
  disabledBecause: null,
  tell: { when: ["failed", "recovered"], scripts: ["db/*"], origins: [], on: ["label=role=db"] },
  description: "the databases' people",
};
const { to: webhookReceiver, tell: tellRule, description: told } = notification;
const smtp = { host: "smtp.example.org", port: 587, security: "starttls", user: "deckhand" };
const mail = { kind: "email", from: "deckhand@example.org", to: ["ops@example.org"] };
const webhookSecret = `whsec_${"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}`;
const notificationRequest = {
  to: { ...webhookReceiver, secret: webhookSecret },
  tell: tellRule,
  description: told,
};

const delivery = {
  id: "dlv_01k9g4z7e0s2m4n6p8q0r2t4v1",
  notification: "ops",
  event: "run.failed",
  runId: RUN,
  state: "delivered",
  attempts: 1,
  createdAt: TIME.finished,
  lastAttemptAt: "2026-11-20T21:00:12.512Z",
  nextAttemptAt: null,
  lastStatus: 204,
  lastAnswer: "",
  body: {
    type: "run.failed",
    timestamp: TIME.finished,
    data: { id: RUN, title: "db/vacuum", state: "failed", failedTargets: ["pg-1"] },
  },
};

const trigger = {
  id: "trg_01k9g4z7e0s2m4n6p8q0r2t4v0",
  name: "deploy",
  version: 1,
  createdAt: TIME.queued,
  updatedAt: TIME.queued,
  by: { tokenId: TOKEN, name: "ann" },
  source: {
    kind: "webhook",
    scheme: "github",
    tolerance: "5m",
    url: "https://deckhand.example.org/api/v1/triggers/trg_01k9g4z7e0s2m4n6p8q0r2t4v0/fire",
  },
  enabled: true,
  run: {
    script: "web/reload@4",
    on: ["service=web"],
    except: [],
    params: { MODE: "soft" },
    secrets: {},
    args: [],
    env: {},
    limits: { timeout: "5m" },
    allowEmpty: false,
    scope: "any",
    map: { BRANCH: "/ref" },
  },
  onlyIf: { "/ref": ["refs/heads/main"] },
  limit: { count: 30, per: "1m" },
  description: "what is pushed to main",
};
const triggerRequest = {
  source: { kind: "webhook", scheme: "github", secret: "correct horse battery staple" },
  run: {
    script: "web/reload@4",
    on: ["service=web"],
    params: { MODE: "soft" },
    map: { BRANCH: "/ref" },
  },
  onlyIf: trigger.onlyIf,
};
const containerSource = {
  kind: "container",
  events: ["unhealthy"],
  on: ["service=web"],
  except: [],
  cooldown: "5m",
};

/** Of what starts runs by events, and of what tells how they ended. */
export const EVENT_EXAMPLES: Readonly<Record<string, unknown>> = {
  Trigger: trigger,
  TriggerPage: { data: [trigger], next: null },
  TriggerSourceInput: triggerRequest.source,
  TriggerSourceView: containerSource,
  CreateTriggerRequestInput: { name: "deploy", ...triggerRequest },
  ReplaceTriggerRequestInput: {
    source: { kind: "container", events: ["unhealthy"], on: ["service=web"], cooldown: "5m" },
    run: { script: "web/dump-threads", scope: "self", map: { NAME: "/container/name" } },
  },
  TriggerAnswer: { runId: RUN, replayed: false, url: `/api/v1/runs/${RUN}` },
  Notification: notification,
  NotificationPage: { data: [notification], next: null },
  TellRule: tellRule,
  TellRuleInput: tellRule,
  ReceiverInput: notificationRequest.to,
  ReceiverView: {
    ...mail,
    smtp: { ...smtp, hasPassword: true },
    subject: null,
    text: null,
  },
  CreateNotificationRequestInput: { name: "ops", ...notificationRequest },
  ReplaceNotificationRequestInput: {
    to: { ...mail, smtp: { ...smtp, password: "…" }, subject: "{run.title}: {event}" },
    tell: { when: ["every"] },
  },
  Delivery: delivery,
  DeliveryPage: { data: [delivery], next: null },
};
