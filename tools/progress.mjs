// Says each step before it starts and how long it took, on stderr so that stdout stays the program's own.
const isTerminal = Boolean(process.stderr.isTTY);
const hasColour = isTerminal && !process.env.NO_COLOR && process.env.TERM !== "dumb";

const paint = (code, text) => (hasColour ? `\u001b[${code}m${text}\u001b[0m` : text);
export const green = (text) => paint(32, text);
export const red = (text) => paint(31, text);
export const bold = (text) => paint(1, text);
export const dim = (text) => paint(2, text);

export function say(line = "") {
  process.stderr.write(`${line}\n`);
}

/** Runs `work`, announces it first, and says afterwards what came out; `work` may return a note. */
export async function step(title, work) {
  const startedAt = performance.now();
  announce(title);
  try {
    const note = await work(createStatus(title));
    finish(green("✓"), title, startedAt, typeof note === "string" ? note : "");
    return note;
  } catch (error) {
    finish(red("✗"), title, startedAt, "");
    throw error;
  }
}

export function formatSeconds(durationMs) {
  return `${(durationMs / 1000).toFixed(1)} s`;
}

function announce(title) {
  process.stderr.write(isTerminal ? `… ${title}` : `… ${title}\n`);
}

// A status replaces the running line on a terminal; elsewhere it would only be noise.
function createStatus(title) {
  return (text) => {
    if (isTerminal) process.stderr.write(`\r\u001b[K… ${title} ${dim(clip(text))}`);
  };
}

function clip(text) {
  return text.replace(/\s+/g, " ").trim().slice(0, 60);
}

function finish(mark, title, startedAt, note) {
  const took = dim(formatSeconds(performance.now() - startedAt));
  const clear = isTerminal ? "\r\u001b[K" : "";
  process.stderr.write(`${clear}${mark} ${title}${note ? `: ${note}` : ""} ${took}\n`);
}
