/** One line of a file of sections. */
export interface IniEntry {
  readonly key: string;
  readonly value: string;
  /** Counts from 1. */
  readonly line: number;
}

export interface IniSection {
  /** As it stands between the brackets: `job-exec "vacuum"`. */
  readonly title: string;
  readonly line: number;
  readonly entries: readonly IniEntry[];
}

export interface ReadIni {
  readonly sections: readonly IniSection[];
  /** Lines that are neither a section, nor a `key = value`, nor a comment. */
  readonly faults: readonly { readonly line: number; readonly detail: string }[];
}

/** Reads `[section]` and `key = value` lines; `;` and `#` begin comments, a key may come several times. */
export function readIni(text: string): ReadIni {
  const sections: { title: string; line: number; entries: IniEntry[] }[] = [];
  const faults: { line: number; detail: string }[] = [];
  for (const [index, raw] of text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .entries()) {
    const [line, words] = [index + 1, raw.trim()];
    if (words === "" || /^[;#]/.test(words)) continue;
    const title = /^\[\s*(.*?)\s*\]$/.exec(words)?.[1];
    const [, key, value = ""] = /^([^=\s][^=]*?)\s*=\s*(.*)$/.exec(words) ?? [];
    const section = sections.at(-1);
    if (title !== undefined) sections.push({ title, line, entries: [] });
    else if (key === undefined)
      faults.push({ line, detail: "is neither [section] nor key = value" });
    else if (section) section.entries.push({ key, value: unquote(value), line });
    else faults.push({ line, detail: `${key} stands before the first section` });
  }
  return { sections, faults };
}

/** Quotes around a whole value are no part of it. */
function unquote(value: string): string {
  const inner = /^"([^"]*)"$|^`([^`]*)`$/.exec(value);
  return inner?.[1] ?? inner?.[2] ?? value;
}
