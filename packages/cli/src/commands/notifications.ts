import type { Delivery, Notification, ReplaceNotificationRequestInput } from "@deckhand/core";
import type { Command } from "commander";
import { type CommandContext, show, type Surroundings } from "../command-context.ts";
import { EXIT } from "../exit-codes.ts";
import { type NotificationFlags, readNotificationFlags } from "../notification-request.ts";
import { formatAgo } from "../terminal/spans.ts";
import { toTable } from "../terminal/table.ts";
import { action, collect, newCommand } from "./command.ts";
import {
  type DefinitionWords,
  listDefinitionsCommand,
  removeDefinitionCommand,
  showDefinitionCommand,
} from "./definition-commands.ts";
import { setDefinitionCommand, type SetWords } from "./set-definition.ts";

const NOTIFICATIONS: DefinitionWords<Notification, ReplaceNotificationRequestInput> = {
  one: "notification",
  many: "notifications",
  command: "deckhand notifications",
  example: "ops",
  first: "deckhand notifications set ops --webhook https://ops.example.org/hooks/deckhand",
  of: (client) => client.notifications,
  columns: {
    TO: toPlace,
    WHEN: ({ tell }) => tell.when.join(" "),
    STATE: ({ enabled }) => (enabled ? "" : "disabled"),
    DESCRIPTION: ({ description }) => description,
  },
  toDetail,
};

export function notificationsCommand(surroundings: Surroundings): Command {
  return newCommand("notifications", {
    summary: "Tell others how runs ended: webhook, chat, e-mail",
    examples: [
      [
        "deckhand notifications set ops --webhook https://ops.example.org/hooks/deckhand",
        "the secret is printed once",
      ],
      ["deckhand notifications test ops", "does it hear us?"],
      ["deckhand notifications deliveries ops", "what was told, with the answers"],
    ],
  })
    .addCommand(listDefinitionsCommand(surroundings, NOTIFICATIONS))
    .addCommand(showDefinitionCommand(surroundings, NOTIFICATIONS))
    .addCommand(setDefinitionCommand(surroundings, NOTIFICATIONS, SET))
    .addCommand(testCommand(surroundings))
    .addCommand(deliveriesCommand(surroundings))
    .addCommand(replayCommand(surroundings))
    .addCommand(removeDefinitionCommand(surroundings, NOTIFICATIONS));
}

function toPlace({ to }: Notification): string {
  if (to.kind === "webhook") return to.url;
  return to.kind === "slack" ? `chat at ${to.host}` : to.to.join(" ");
}

function toDetail(notification: Notification): string {
  const { name, description, tell, to, enabled, disabledBecause } = notification;
  const { by, updatedAt, version } = notification;
  const lines = [
    `${name}${description === "" ? "" : `: ${description}`}`,
    `to       ${to.kind}, ${toPlace(notification)}`,
    ...(to.kind === "email"
      ? [`by       ${to.smtp.host}:${to.smtp.port}, ${to.smtp.security}`]
      : []),
    `when     ${tell.when.join(", ")}`,
    ...tell.scripts.map((script) => `script   ${script}`),
    ...tell.origins.map((origin) => `origin   ${origin}`),
    ...tell.on.map((selector) => `on       ${selector}`),
    ...(enabled
      ? []
      : [`disabled${disabledBecause === null ? "" : ` because: ${disabledBecause}`}`]),
    `version ${version}, by ${by.name}, ${updatedAt}`,
  ];
  return `${lines.join("\n")}\n`;
}

const SET: SetWords<Notification, ReplaceNotificationRequestInput, NotificationFlags> = {
  summary: "Make a notification, or change what is given",
  examples: [
    [
      "deckhand notifications set ops --webhook https://ops.example.org/hooks/deckhand --when failed --when recovered",
      "signed by Standard Webhooks",
    ],
    [
      "deckhand notifications set chat --slack-file ./slack-url --on label=role=db",
      "the file has the address that the chat gave",
    ],
    [
      "deckhand notifications set mail --email ops@example.org --from deckhand@example.org --smtp smtp.example.org --smtp-user deckhand --password-file ./password",
      "over STARTTLS",
    ],
  ],
  addOptions: (command) => addTellOptions(addReceiverOptions(command)),
  readFlags: readNotificationFlags,
  disabled: "keep it, and tell nothing",
  secretGoesTo: "receiver",
};

function addReceiverOptions(command: Command): Command {
  return command
    .option("--webhook <url>", "post a signed event there")
    .option(
      "--secret-file <path>",
      "with the whsec_… to sign with; else one is made and printed once",
    )
    .option(
      "--slack-file <path>",
      "with the address of an incoming webhook of Slack or what takes its form",
    )
    .option("--email <address>", "send a mail there; repeat to add more", collect)
    .option("--from <address>", "who the mail is from")
    .option("--smtp <host[:port]>", "the mail server")
    .option("--smtp-security <how>", "starttls, tls or none")
    .option("--smtp-user <name>", "who logs in there")
    .option("--password-file <path>", "with the password for it")
    .option("--subject <template>", "of the mail, such as '{run.title}: {event}'")
    .option("--text <template>", "of the mail, or for the chat");
}

function addTellOptions(command: Command): Command {
  return command
    .option(
      "--when <outcome>",
      "failed, lost, timed-out, rejected, cancelled, skipped, succeeded, recovered, every; repeat to add more",
      collect,
    )
    .option("--script <pattern>", "only runs of these stored scripts; repeat to add more", collect)
    .option(
      "--origin <origin>",
      "only what this started, such as schedule/nightly; repeat to add more",
      collect,
    )
    .option("--on <selector>", "only runs on these targets; repeat to add more", collect);
}

function testCommand(surroundings: Surroundings): Command {
  return newCommand("test", {
    summary: "Send a test now, and tell how that went",
    examples: [
      ["deckhand notifications test ops", "exits 1 when it was not taken"],
      ["deckhand notifications test ops -o json", "with the receiver's answer"],
      ["deckhand notifications deliveries ops", "what was told before"],
    ],
  })
    .argument("<name>", "the notification's name")
    .action(
      action(surroundings, async (context, name: string) =>
        showOutcome(context, await (await context.client()).testNotification(name)),
      ),
    );
}

function replayCommand(surroundings: Surroundings): Command {
  return newCommand("replay", {
    summary: "Send one delivery again now, under its own id",
    examples: [
      ["deckhand notifications replay ops dlv_01k…", "exits 1 when it was not taken"],
      ["deckhand notifications replay ops dlv_01k… -o json", "with the receiver's answer"],
      ["deckhand notifications deliveries ops --state given-up", "what could be sent again"],
    ],
  })
    .argument("<name>", "the notification's name")
    .argument("<delivery>", "the delivery's id")
    .action(
      action(surroundings, async (context, name: string, id: string) =>
        showOutcome(context, await (await context.client()).replayDelivery(name, id)),
      ),
    );
}

async function showOutcome(context: CommandContext, delivery: Delivery): Promise<void> {
  await show(context, delivery, ({ id, state, lastStatus, lastAnswer }) => {
    const answer = [lastStatus, lastAnswer].filter((one) => one !== null && one !== "").join(" ");
    return `${id} ${state}${answer === "" ? "" : `: ${answer}`}\n`;
  });
  if (delivery.state !== "delivered") context.exit(EXIT.failed);
}

interface DeliveryFlags {
  readonly state?: string;
  readonly limit: string;
}

function deliveriesCommand(surroundings: Surroundings): Command {
  return newCommand("deliveries", {
    summary: "List what was told, or is owed, newest first",
    examples: [
      ["deckhand notifications deliveries ops", "the newest 50"],
      ["deckhand notifications deliveries ops --state given-up", "what nobody took"],
      ["deckhand notifications deliveries ops -o json", "with what was told"],
    ],
  })
    .argument("<name>", "the notification's name")
    .option("--state <state>", "owed, delivered or given-up")
    .option("--limit <number>", "how many, up to 200", "50")
    .action(
      action(surroundings, async (context, name: string, { state, limit }: DeliveryFlags) => {
        const page = await (await context.client()).listDeliveries(name, { state, limit });
        await show(context, page.data, toDeliveryTable);
      }),
    );
}

function toDeliveryTable(deliveries: readonly Delivery[]): string {
  const now = Date.now();
  const rows = deliveries.map((one) => [
    one.id,
    one.event,
    one.runId ?? "",
    one.state,
    `${one.attempts}`,
    one.lastAttemptAt === null ? "" : formatAgo(one.lastAttemptAt, now),
    one.nextAttemptAt === null ? "" : one.nextAttemptAt,
    [one.lastStatus ?? "", (one.lastAnswer ?? "").slice(0, 60)].join(" ").trim(),
  ]);
  return toTable(["DELIVERY", "EVENT", "RUN", "STATE", "ATTEMPTS", "LAST", "NEXT", "ANSWER"], rows);
}
