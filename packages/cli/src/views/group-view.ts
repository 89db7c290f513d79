import type { CommandContext } from "../command-context.ts";
import { sanitizeLine } from "../terminal/sanitize.ts";
import { LineAssembler } from "./line-assembler.ts";
import { frameBytes, type RunView } from "./run-view.ts";
import { toSummary } from "./summary.ts";

/** Several targets: each one's lines in one block when it ends. */
export function groupView(
  context: CommandContext,
  options: { readonly server: string; readonly plain: boolean },
): RunView {
  const lines = new LineAssembler();
  const blocks = new Map<string, string[]>();
  const told = new Set<string>();
  const blockOf = (id: string) => blocks.get(id) ?? blocks.set(id, []).get(id) ?? [];

  return {
    update: async (update) => {
      if (update.event === "output") {
        const { executionId, stream } = update.data;
        blockOf(executionId).push(
          ...lines.push(`${executionId}/${stream}`, frameBytes(update.data)),
        );
      }
      if (
        update.event !== "execution" ||
        update.data.finishedAt === null ||
        told.has(update.data.id)
      )
        return;
      const { id, target } = update.data;
      told.add(id);
      const rest = [...lines.end(`${id}/stdout`), ...lines.end(`${id}/stderr`)];
      await context.print(`${context.style("bold", `── ${target} ──`)}\n`);
      for (const line of [...blockOf(id), ...rest])
        await context.print(`${sanitizeLine(line, { keepColors: context.style.isOn })}\n`);
      blocks.delete(id);
    },
    finish: async (run) => {
      const summary = toSummary(run, { ...options, style: context.errorStyle, tails: new Map() });
      for (const line of summary) context.surroundings.stderr.write(`${line}\n`);
    },
    notice: context.say,
  };
}
