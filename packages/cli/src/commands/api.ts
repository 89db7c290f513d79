import type { Answer } from "@deckhand/client";
import { explainJsonError } from "@deckhand/core/explain-json-error";
import type { Command } from "commander";
import { type Surroundings, writeAll } from "../command-context.ts";
import { readText } from "../run-options.ts";
import { UsageError } from "../usage-error.ts";
import { action, collect, newCommand } from "./command.ts";

interface ApiFlags {
  readonly data?: string;
  readonly header?: string[];
  readonly include?: boolean;
}

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];

export function apiCommand(surroundings: Surroundings): Command {
  return newCommand("api", {
    summary: "Send a request to the API with your token, and print the answer as it is",
    examples: [
      ["deckhand api GET /api/v1/info", "a read"],
      ['deckhand api POST /api/v1/runs/plan -d \'{"argv":["true"],"on":["db-1"]}\'', "with a body"],
      ["deckhand api POST /api/v1/runs -d @request.json -i", "a body from a file, headers shown"],
    ],
  })
    .argument("<method>", METHODS.join(", "))
    .argument("<path>", "beginning with a slash")
    .option("-d, --data <json>", "the body, or @file")
    .option("-H, --header <name: value>", "a header; repeat for more", collect)
    .option("-i, --include", "print the status and the headers too")
    .action(
      action(surroundings, async (context, method: string, path: string, flags: ApiFlags) => {
        if (!METHODS.includes(method.toUpperCase()))
          throw new UsageError(`${method} is no method`, { hint: METHODS.join(", ") });
        if (!path.startsWith("/"))
          throw new UsageError("the path begins with a slash", {
            hint: "For example: deckhand api GET /api/v1/info",
          });
        const client = await context.client();
        const answer = await client.request(method.toUpperCase(), path, {
          ...(await toBody(flags.data)),
          headers: toHeaders(flags.header ?? []),
        });
        if (flags.include) await context.print(toHead(answer));
        for await (const piece of answer.body ?? []) await writeAll(surroundings.stdout, piece);
        if (surroundings.stdout.isTTY) await context.print("\n");
      }),
    );
}

async function toBody(data: string | undefined): Promise<{ readonly body?: unknown }> {
  if (data === undefined) return {};
  const text = data.startsWith("@") ? await readText(data.slice(1)) : data;
  try {
    return { body: JSON.parse(text) };
  } catch (error) {
    throw new UsageError(`the body is not valid JSON: ${explainJsonError(error)}`);
  }
}

function toHeaders(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf(":");
      if (at > 0) return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
      throw new UsageError(`--header takes "Name: value", not ${JSON.stringify(line)}`);
    }),
  );
}

function toHead(answer: Answer): string {
  const headers = [...answer.headers].map(([name, value]) => `${name}: ${value}\n`);
  return `${answer.status} ${answer.statusText}\n${headers.join("")}\n`;
}
