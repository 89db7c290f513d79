import { constants } from "node:os";
import type { OutcomeReason } from "@deckhand/core";
import type { ExecutionSpec } from "../sessions/session.ts";
import type { StartFrame } from "./frames.ts";

/** What of a script's output may wait inside the container, each stream: it is the container's memory. */
const SPOOL_BYTES = 2 * 1024 * 1024;
const SMALLEST_SPOOL_BYTES = 64 * 1024;
/** Above the container's own score, so that the kernel takes the script first. */
const OOM_SCORE = 1000;

/** Says in the guard's words what is to be started. */
export function toStartFrame(spec: ExecutionSpec, channel: number): StartFrame {
  const { program, resources, terminal } = spec;
  const isScript = program.kind === "script";
  return {
    type: "start",
    channel,
    id: spec.executionId,
    terminal,
    waitForSurvivors: spec.survivors === "wait",
    hasInput: spec.stdin !== undefined || terminal !== undefined,
    timeoutMs: Math.min(spec.timeoutMs, 0xffff_ffff),
    graceMs: Math.min(spec.killGraceMs, 0x7fff_ffff),
    outputLimit: terminal ? Number.MAX_SAFE_INTEGER : spec.outputBytes,
    spoolBytes: Math.max(SMALLEST_SPOOL_BYTES, Math.min(SPOOL_BYTES, spec.outputBytes)),
    ...resources,
    oomScore: resources.oomScore ?? OOM_SCORE,
    directory: spec.workdir,
    commands: isScript ? program.launch.commands : program.argv.slice(0, 1),
    flags: isScript ? program.launch.flags : program.argv.slice(1),
    args: spec.args,
    environment: Object.entries({
      ...(terminal && { TERM: "xterm-256color" }),
      ...spec.env,
      DECKHAND_EXECUTION_ID: spec.executionId,
      DECKHAND_RUN_ID: spec.runId,
    }).map(([name, value]) => `${name}=${value}`),
    script: isScript
      ? {
          text: Buffer.from(program.text),
          asFile: program.launch.delivery === "file",
          extension: program.launch.extension,
          prelude: Buffer.from(program.launch.prelude),
        }
      : undefined,
  };
}

const ERRNO_NAMES = new Map(Object.entries(constants.errno).map(([name, value]) => [value, name]));

/** Says in words why the guard did not start it; the numbers are those of guard/src/launch.h. */
export function toRefusalReason(
  refusal: number,
  errno: number,
  spec: ExecutionSpec,
): OutcomeReason {
  const because = errno === 0 ? "" : ` (${ERRNO_NAMES.get(errno) ?? `errno ${errno}`})`;
  const commands = spec.program.kind === "script" ? spec.program.launch.commands.join(" or ") : "";
  const reasons: Readonly<Record<number, OutcomeReason>> = {
    1: {
      code: "start-refused",
      detail: "The guard in the container holds 512 executions already.",
    },
    2: {
      code: "start-refused",
      detail: "The container has no memory left for the script's output.",
    },
    3: { code: "interpreter-missing", detail: `The container has no ${commands}.` },
    4: {
      code: "no-writable-directory",
      detail: `The script could be written nowhere: neither to memory nor to /dev/shm, /tmp, /var/tmp, /run, the home directory or the working directory${because}.`,
    },
    5: {
      code: "workdir-missing",
      detail: `The working directory ${spec.workdir} can not be used${because}.`,
    },
    6: {
      code: "start-refused",
      detail: `The container lets no more processes start${because}.`,
    },
    7: { code: "terminal-impossible", detail: `The container gives no terminal${because}.` },
    8: { code: "start-refused", detail: `A limit could not be set${because}.` },
    9: {
      code: ERRNO_NAMES.get(errno) === "E2BIG" ? "environment-too-large" : "start-refused",
      detail: `The kernel did not start it${because}.`,
    },
  };
  return reasons[refusal] ?? { code: "start-refused", detail: `The guard refused it${because}.` };
}
