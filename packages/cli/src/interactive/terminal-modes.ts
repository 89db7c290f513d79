/** Private modes that a program may leave switched on, and that would disturb whoever uses the terminal after it. */
const MODES: ReadonlySet<string> = new Set([
  "1",
  "9",
  "47",
  "1000",
  "1001",
  "1002",
  "1003",
  "1004",
  "1005",
  "1006",
  "1015",
  "1047",
  "1049",
  "2004",
  "2026",
]);
/** Shown unless it was hidden, the other way round than the rest. */
const CURSOR = "25";
const LONGEST_SEQUENCE = 64;

/** Follows which modes a program switches on. */
export interface TerminalModes {
  see(bytes: Uint8Array): void;
  /** What brings the terminal back; nothing when the program cleaned up behind itself. */
  restore(): string;
}

export function terminalModes(): TerminalModes {
  const on = new Set<string>();
  let rest = "";

  function set(mode: string, isOn: boolean): void {
    if (mode === CURSOR ? !isOn : isOn && MODES.has(mode)) on.add(mode);
    else on.delete(mode);
  }

  return {
    see: (bytes) => {
      const text = rest + Buffer.from(bytes).toString("latin1");
      for (const [, modes = "", final] of text.matchAll(/\u001b\[\?([\d;]{1,60})([hl])/g))
        for (const mode of modes.split(";")) set(mode, final === "h");
      const last = text.lastIndexOf("\u001b");
      rest = last >= 0 && text.length - last < LONGEST_SEQUENCE ? text.slice(last) : "";
    },
    restore: () => {
      const sequences = [...on].map((mode) => `\u001b[?${mode}${mode === CURSOR ? "h" : "l"}`);
      on.clear();
      return sequences.length === 0 ? "" : `${sequences.join("")}\u001b[0m`;
    },
  };
}
