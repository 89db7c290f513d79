/** Colours and the other sequences that a terminal obeys. */
const ESCAPES =
  /\u001b\[[0-?]{0,64}[ -/]{0,8}[@-~]|\u001b\][^\u0007\u001b\n]{0,1024}(?:\u0007|\u001b\\)|\u001b[@-_]/g;
const UUIDS = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi;

const DATE = "\\d{4}[-/.](?:1[0-2]|0?[1-9])[-/.](?:3[01]|[12]\\d|0?[1-9])(?!\\d)";
const CLOCK = "(?<![.:\\d])(?:2[0-4]|[01]?\\d):[0-5]\\d(?::[0-5]\\d)?(?:[.,]\\d{1,9})?(?!\\d)";
const ZONE = "(?: ?(?:Z|UTC|GMT|[+-]\\d{2}:?\\d{2}|[A-Z]{3,4})\\b)?";
const MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}";
const DAY = "(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? )?";
/** `2026-11-20T21:00:00.120Z`, `Nov 20 21:00:00`, `Fri, 20 Nov 2026 21:00:00 GMT`, `21:00:01`, `2026-11-20`. */
const TIMES = new RegExp(
  [
    `\\b${DATE}(?:[T ]${CLOCK}${ZONE})?`,
    `\\b${DAY}(?:${MONTH} {1,2}\\d{1,2}|\\d{1,2} ${MONTH})(?:,? ${CLOCK}${ZONE})?(?:,? \\d{4}\\b)?(?: ${CLOCK}${ZONE})?`,
    `\\b${CLOCK}${ZONE}`,
  ].join("|"),
  "g",
);
/** Seconds or milliseconds since 1970, in this century. */
const UNIX_TIMES = /(?<![\w.])1[5-9]\d{8}(?:\d{3}|\.\d{1,9})?(?![\w.])/g;
/** `12.4s`, `3 ms`, `1h30m`, `2 minutes`; never a number without a unit. */
const DURATIONS =
  /(?<![\w.])(?:\d{1,12}(?:\.\d{1,9})? ?(?:ns|us|µs|ms|s|secs?|seconds?|mins?|minutes?|h|hrs?|hours?|days?)|(?:\d{1,6}d)?(?:\d{1,6}h)?\d{1,6}m(?:\d{1,6}(?:\.\d{1,9})?s)?)(?!\w)/g;
const IPV4 = /(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?(?![\w.])/g;
const IPV6 =
  /(?<![\w:.])(?=[0-9a-f:]{0,45}(?:::|(?::[0-9a-f]{1,4}){7}))(?=[a-f:]{0,45}\d)[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?![\w:])/gi;
const MAC = /(?<![\w:])(?:[0-9a-f]{2}:){5}[0-9a-f]{2}(?![\w:])/gi;
/** `0x7ffd…`, and eight hex digits or more that are neither a word nor a number. */
const HEX_IDS =
  /\b0x[0-9a-f]{1,64}\b|\b(?=[0-9a-f]{0,63}[a-f])(?=[0-9a-f]{0,63}\d)[0-9a-f]{8,64}\b/gi;
/** `pid 4711`, `PID=4711`, `process 4711`, `[4711]`. */
const PIDS = /\b(pid|process|thread|tid)([ =:#]{1,3})\d{1,10}\b|\[\d{1,10}\]/gi;
const BLANKS = /[ \t]{2,}|\t/g;
const LINE_ENDS = / (?=\n|$)/g;

/** The order matters: what holds digits of others comes before them. */
const RULES: readonly (readonly [RegExp, string])[] = [
  [UUIDS, "<uuid>"],
  [MAC, "<mac>"],
  [IPV6, "<ip>"],
  [IPV4, "<ip>"],
  [TIMES, "<time>"],
  [UNIX_TIMES, "<time>"],
  [DURATIONS, "<duration>"],
  [HEX_IDS, "<hex>"],
  [PIDS, "<pid>"],
];

/**
 * Takes out of whole lines of output what differs although the same thing happened: times, durations, ids, addresses,
 * process numbers, colours, the width of columns, and the names that the target calls itself by.
 */
export function outputNormaliser(ownNames: readonly string[]): (lines: string) => string {
  const own = toOwnNames(ownNames);
  return (lines) => {
    let text = withoutOverwritten(lines.replace(ESCAPES, ""));
    if (own) text = text.replace(own, "<name>");
    for (const [pattern, placeholder] of RULES) text = text.replace(pattern, placeholder);
    return text.replace(BLANKS, " ").replace(LINE_ENDS, "");
  };
}

function toOwnNames(names: readonly string[]): RegExp | undefined {
  const escaped = [...new Set(names)]
    .filter((name) => name.length > 1)
    .sort((one, other) => other.length - one.length)
    .map((name) => name.replace(/[^\w]/g, "\\$&"));
  if (escaped.length === 0) return undefined;
  return new RegExp(`(?<![\\w.-])(?:${escaped.join("|")})(?![\\w-])`, "g");
}

/** A carriage return lets what follows stand over what came before. */
function withoutOverwritten(lines: string): string {
  if (!lines.includes("\r")) return lines;
  const shown = (line: string) => line.replace(/\r+$/, "").split("\r").at(-1) ?? "";
  return lines.split("\n").map(shown).join("\n");
}
