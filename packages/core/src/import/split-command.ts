/** Splits a command line as a program does that knows blanks, quotes and backslashes and is no shell; undefined when a quote is open. */
export function splitCommand(text: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (character === "'" || character === '"') {
      const end = findEnd(text, at);
      if (end < 0) return undefined;
      const inner = text.slice(at + 1, end);
      word = (word ?? "") + (character === '"' ? inner.replaceAll(/\\(["\\])/g, "$1") : inner);
      at = end;
    } else if (character === "\\" && at + 1 < text.length) word = (word ?? "") + text.charAt(++at);
    else word = (word ?? "") + character;
  }
  return word === undefined ? words : [...words, word];
}

function findEnd(text: string, at: number): number {
  const quote = text.charAt(at);
  for (let end = at + 1; end < text.length; end++) {
    if (text.charAt(end) === quote) return end;
    if (quote === '"' && text.charAt(end) === "\\") end++;
  }
  return -1;
}
