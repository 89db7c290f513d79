import type { Surroundings } from "../command-context.ts";
import { UsageError } from "../usage-error.ts";

/** Refuses what can not be shown here: a terminal in a container needs one on our side. */
export function assertTerminal(
  { stdin, stdout }: Surroundings,
  { interactive }: { readonly interactive: boolean },
): void {
  const without = [
    ...(interactive && !stdin.isTTY ? ["standard input"] : []),
    ...(stdout.isTTY ? [] : ["standard output"]),
  ];
  if (without.length === 0) return;
  const are = without.length > 1 ? "are" : "is";
  throw new UsageError(`a terminal is needed, and ${without.join(" and ")} ${are} none`, {
    hint: "For scripts and pipes leave -t out: deckhand exec -i NAME -- COMMAND",
  });
}
