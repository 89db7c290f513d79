/** A script whose every byte is known beforehand: it counts on both streams, says that it began, and ends with its own code. */
export interface NumberedScript {
  readonly text: string;
  readonly exitCode: number;
  readonly stdout: () => Buffer;
  readonly stderr: () => Buffer;
}

/** How a script writes: so many lines at each step, then a rest. */
export interface Pace {
  readonly steps: number;
  readonly stdoutLines: number;
  readonly stderrLines: number;
  readonly restSeconds: number;
}

/** About one megabyte a second, on both streams. */
export const FLOOD: Pace = {
  steps: 24,
  stdoutLines: 28_000,
  stderrLines: 3_000,
  restSeconds: 0.25,
};
export const TALK: Pace = { steps: 60, stdoutLines: 1, stderrLines: 1, restSeconds: 0.15 };
export const MURMUR: Pace = { steps: 8, stdoutLines: 3, stderrLines: 0, restSeconds: 1 };
export const BURST: Pace = { steps: 2, stdoutLines: 60_000, stderrLines: 20_000, restSeconds: 3 };
export const SILENCE: Pace = { steps: 1, stdoutLines: 1, stderrLines: 1, restSeconds: 7 };
export const BLINK: Pace = { steps: 1, stdoutLines: 2, stderrLines: 1, restSeconds: 0 };

/** Where every start of a script leaves its execution's id. */
export const STARTS_FILE = "/tmp/starts";

const FIRST_NUMBER = 1_000_000;
const STREAM_SPAN = 4_000_000;
const LINE_BYTES = 8;

/** `index` makes the numbers and the exit code the script's own. */
export function numberedScript(index: number, pace: Pace): NumberedScript {
  const { steps, stdoutLines, stderrLines, restSeconds } = pace;
  const exitCode = index % 256;
  const from = FIRST_NUMBER + ((index * 997) % (STREAM_SPAN / 2));
  const text = [
    `echo "$DECKHAND_EXECUTION_ID" >>${STARTS_FILE}`,
    `step=0; out=${from}; err=${from + STREAM_SPAN}`,
    `while [ $step -lt ${steps} ]; do`,
    `  seq $out $((out + ${stdoutLines - 1}))`,
    `  seq $err $((err + ${stderrLines - 1})) >&2`,
    `  step=$((step + 1)); out=$((out + ${stdoutLines})); err=$((err + ${stderrLines}))`,
    `  sleep ${restSeconds}`,
    "done",
    `exit ${exitCode}`,
  ].join("\n");
  return {
    text,
    exitCode,
    stdout: () => numberedLines(from, steps * stdoutLines),
    stderr: () => numberedLines(from + STREAM_SPAN, steps * stderrLines),
  };
}

function numberedLines(from: number, count: number): Buffer {
  const bytes = Buffer.alloc(count * LINE_BYTES, "\n");
  for (let line = 0; line < count; line++) {
    let number = from + line;
    for (let digit = LINE_BYTES - 2; digit >= 0; digit--) {
      bytes[line * LINE_BYTES + digit] = 48 + (number % 10);
      number = Math.floor(number / 10);
    }
  }
  return bytes;
}

/** Says in one sentence where bytes are not those that were written; `undefined` when they are. */
export function differenceOf(actual: Buffer, expected: Buffer): string | undefined {
  if (actual.equals(expected)) return undefined;
  let at = 0;
  while (at < actual.length && actual[at] === expected[at]) at++;
  const near = (bytes: Buffer) =>
    JSON.stringify(bytes.subarray(Math.max(0, at - 16), at + 16).toString("latin1"));
  return `${actual.length} bytes in place of ${expected.length}; the first other one is at ${at}: ${near(actual)} in place of ${near(expected)}`;
}
