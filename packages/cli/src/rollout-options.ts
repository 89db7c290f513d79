import { type Command, Option } from "commander";
import { concurrencyRequest, type RunRequestInput } from "@deckhand/core";
import { UsageError } from "./usage-error.ts";

/** Options about when executions start: each is a part of the request. */
export interface RolloutOptions {
  readonly concurrencyKey?: string;
  readonly onConflict?: "queue" | "skip" | "cancel";
}

export function addRolloutOptions(command: Command): Command {
  return command
    .option("--concurrency-key <key>", "at most one run of this key goes on at a time")
    .addOption(
      new Option(
        "--on-conflict <what>",
        "while another run has the key: queue (else), skip, or cancel that one",
      ).choices(concurrencyRequest.shape.onConflict.unwrap().options),
    );
}

export function toRolloutRequest(options: RolloutOptions): Pick<RunRequestInput, "concurrency"> {
  const { concurrencyKey: key, onConflict } = options;
  if (key !== undefined) return { concurrency: { key, ...(onConflict && { onConflict }) } };
  if (onConflict === undefined) return {};
  throw new UsageError("--on-conflict says nothing without --concurrency-key");
}
