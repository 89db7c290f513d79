import type { FormField, ScriptForm } from "@deckhand/core";
import type { Command } from "commander";
import { show, type Surroundings } from "../command-context.ts";
import { toScriptReference } from "../script-reference.ts";
import { toTable } from "../terminal/table.ts";
import { action, newCommand } from "./command.ts";

export function formCommand(surroundings: Surroundings): Command {
  return newCommand("form", {
    summary: "Show what a script takes, as a form or as a JSON Schema",
    examples: [
      ["deckhand scripts form db/vacuum", "its parameters"],
      ["deckhand scripts form db/vacuum@3", "those of a version"],
      ["deckhand scripts form db/vacuum -o json | jq .schema", "a JSON Schema of them"],
    ],
  })
    .argument("<name>", "the script; name@3 is that version")
    .action(
      action(surroundings, async (context, reference: string) => {
        const { name, version } = toScriptReference(reference);
        const client = await context.client();
        const form = await client.getScriptForm(name, version);
        await show(context, form, toText);
      }),
    );
}

function toText({ fields }: ScriptForm): string {
  if (fields.length === 0) return "It declares no parameters.\n";
  return toTable(["PARAMETER", "TAKES", "ELSE", "HELP"], fields.map(toRow));
}

function toRow(field: FormField): string[] {
  return [field.name, toWhat(field), toElse(field), field.help];
}

function toWhat({ secret, type, choices, min, max }: FormField): string {
  if (secret) return "secret";
  if (choices) return `${type}(${choices.join("|")})`;
  return min === null && max === null ? type : `${type}(${min ?? ""}..${max ?? ""})`;
}

function toElse({ required, from, default: given }: FormField): string {
  if (from !== null) return `the stored secret ${from}`;
  return given ?? (required ? "required" : "unset");
}
