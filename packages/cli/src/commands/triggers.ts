import type { ReplaceTriggerRequestInput, Trigger } from "@deckhand/core";
import type { Command } from "commander";
import type { Surroundings } from "../command-context.ts";
import { readTriggerFlags, type TriggerFlags } from "../trigger-request.ts";
import { collect, newCommand } from "./command.ts";
import {
  type DefinitionWords,
  listDefinitionsCommand,
  removeDefinitionCommand,
  showDefinitionCommand,
} from "./definition-commands.ts";
import { setDefinitionCommand, type SetWords } from "./set-definition.ts";

const TRIGGERS: DefinitionWords<Trigger, ReplaceTriggerRequestInput> = {
  one: "trigger",
  many: "triggers",
  command: "deckhand triggers",
  example: "deploy",
  first: "deckhand triggers set deploy --webhook github --run web/reload --on svc/web",
  of: (client) => client.triggers,
  columns: {
    SOURCE: toSource,
    RUNS: ({ run }) => run.script,
    ON: ({ run }) => (run.scope === "self" ? "where it happened" : run.on.join("  ")),
    STATE: ({ enabled }) => (enabled ? "" : "disabled"),
    DESCRIPTION: ({ description }) => description,
  },
  toDetail,
};

export function triggersCommand(surroundings: Surroundings): Command {
  return newCommand("triggers", {
    summary: "Start stored scripts when something happens: signed webhooks, container events",
    examples: [
      [
        "deckhand triggers set deploy --webhook github --run web/reload --on svc/web --map BRANCH=/ref",
        "the secret is printed once",
      ],
      [
        "deckhand triggers set dump --event unhealthy --when svc/web --run web/dump --scope self",
        "in the container that became unhealthy",
      ],
      ["deckhand runs --origin trigger/deploy", "what it started"],
    ],
  })
    .addCommand(listDefinitionsCommand(surroundings, TRIGGERS))
    .addCommand(showDefinitionCommand(surroundings, TRIGGERS))
    .addCommand(setDefinitionCommand(surroundings, TRIGGERS, SET))
    .addCommand(removeDefinitionCommand(surroundings, TRIGGERS));
}

function toSource({ source }: Trigger): string {
  return source.kind === "webhook"
    ? `webhook, ${source.scheme}`
    : `${source.events.join(" ")} of ${source.on.join("  ")}`;
}

function toDetail(trigger: Trigger): string {
  const { name, description, source, run, onlyIf, limit, enabled, by, updatedAt, version } =
    trigger;
  const lines = [
    `${name}${description === "" ? "" : `: ${description}`}${enabled ? "" : " (disabled)"}`,
    `source   ${toSource(trigger)}`,
    ...(source.kind === "webhook" ? [`url      ${source.url}`] : [`cooldown ${source.cooldown}`]),
    `runs     ${run.script}${run.scope === "any" ? "" : `, ${run.scope}`}`,
    ...run.on.map((selector) => `on       ${selector}`),
    ...Object.entries(run.params).map(([param, value]) => `param    ${param}=${String(value)}`),
    ...Object.entries(run.secrets).map(([param, stored]) => `secret   ${param}=${stored}`),
    ...Object.entries(run.map).map(([param, pointer]) => `map      ${param}=${pointer}`),
    ...Object.entries(onlyIf).map(([pointer, texts]) => `only if  ${pointer}=${texts.join("|")}`),
    `limit    ${limit.count} in ${limit.per}`,
    `version ${version}, by ${by.name}, ${updatedAt}`,
  ];
  return `${lines.join("\n")}\n`;
}

const SET: SetWords<Trigger, ReplaceTriggerRequestInput, TriggerFlags> = {
  summary: "Make a trigger, or change what is given",
  examples: [
    [
      "deckhand triggers set deploy --webhook github --run web/reload@4 --on svc/web --map BRANCH=/ref --only-if /ref=refs/heads/main",
      "a pinned version, for one branch",
    ],
    [
      "deckhand triggers set dump --event unhealthy --when svc/web --run web/dump --scope self --cooldown 10m",
      "at most every ten minutes for each container",
    ],
    ["deckhand triggers set deploy --secret TOKEN=web/token", "with a stored secret"],
    ["deckhand triggers set deploy --file trigger.json", "the whole of it, as the API takes it"],
  ],
  addOptions: (command) => addRunOptions(addSourceOptions(command)),
  readFlags: readTriggerFlags,
  disabled: "keep it, and start nothing",
  secretGoesTo: "sender",
};

function addSourceOptions(command: Command): Command {
  return command
    .option("--webhook <scheme>", "standard (Standard Webhooks) or github (X-Hub-Signature-256)")
    .option(
      "--secret-file <path>",
      "with the secret to check with; else one is made and printed once",
    )
    .option("--event <event>", "start, die, oom, unhealthy or healthy; repeat to add more", collect)
    .option("--when <selector>", "the containers whose events count; repeat to add more", collect)
    .option("--cooldown <span>", "how long the same container starts nothing more");
}

function addRunOptions(command: Command): Command {
  return command
    .option("--run <script>", "the stored script: name, or name@version")
    .option("--on <selector>", "where it runs; repeat to add more", collect)
    .option(
      "--scope <scope>",
      "any, self (where it happened) or project (only the same compose project)",
    )
    .option("--param <name=value>", "a fixed parameter; repeat to add more", collect)
    .option(
      "--secret <name=stored>",
      "a stored secret for a secret parameter; repeat to add more",
      collect,
    )
    .option(
      "--map <name=pointer>",
      "a parameter by its place in the message; repeat to add more",
      collect,
    )
    .option(
      "--only-if <pointer=text>",
      "start only when this stands there; repeat to add more",
      collect,
    )
    .option("--limit <count/span>", "how many starts in which time, such as 30/1m");
}
