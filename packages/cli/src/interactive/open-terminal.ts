import type { CommandContext } from "../command-context.ts";
import { toVariables } from "../run-options.ts";
import { UsageError } from "../usage-error.ts";
import { assertTerminal } from "./assert-terminal.ts";
import { attachTerminal } from "./attach-terminal.ts";
import { parseDetachKeys } from "./detach-keys.ts";

export interface TerminalOptions {
  readonly interactive?: boolean;
  readonly detachKeys: string;
  readonly on?: readonly string[];
  readonly user?: string;
  readonly workdir?: string;
  readonly env?: string[];
}

/** Kinds of terminals whose description nearly every container has. */
const COMMON_TERMS = /^(?:xterm|xterm-256color|screen|screen-256color|linux|vt100|vt220|dumb)$/;

/** Opens a terminal in one container and shows it here. */
export async function openTerminal(
  context: CommandContext,
  options: TerminalOptions,
  argv: readonly string[] | undefined,
): Promise<void> {
  const { surroundings } = context;
  const interactive = options.interactive ?? false;
  const detachKeys = parseDetachKeys(options.detachKeys);
  const on = onlyTarget(options);
  assertTerminal(surroundings, { interactive });
  const { columns, rows } = surroundings.stdout;
  const { TERM = "" } = surroundings.env;
  const client = await context.client();
  const { id } = await client.openTerminal({
    on,
    ...(argv && { argv: [...argv] }),
    ...(options.user !== undefined && { user: options.user }),
    ...(options.workdir !== undefined && { workdir: options.workdir }),
    env: { ...(COMMON_TERMS.test(TERM) && { TERM }), ...toVariables(options.env ?? []) },
    ...(columns > 0 && rows > 0 && { columns, rows }),
  });
  await attachTerminal(context, client, {
    terminalId: id,
    interactive,
    detachKeys,
    isReplay: false,
  });
}

function onlyTarget({ on = [] }: TerminalOptions): string {
  const [only, ...others] = on;
  if (only !== undefined && others.length === 0) return only;
  throw new UsageError(
    only === undefined ? "say in which container" : "a terminal is in one container",
    { hint: "For example: deckhand exec -it db-1 -- bash   (see: deckhand targets)" },
  );
}
