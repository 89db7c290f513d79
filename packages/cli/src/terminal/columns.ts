// East Asian wide and full-width characters, and what terminals draw as pictures.
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}]|[\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
const WITHOUT_WIDTH = /[\p{Mn}\p{Me}\p{Cf}]/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
const COLOR = /\u001b\[[0-9;:]*m/g;

/** How many columns of a terminal a line takes; rather too many than too few. */
export function columnsOf(line: string): number {
  let columns = 0;
  for (const character of line.replace(COLOR, "")) columns += widthOf(character);
  return columns;
}

/** Cuts a line without colours to that many columns, with a mark that it is cut. */
export function fitColumns(line: string, columns: number): string {
  let [kept, used] = ["", 0];
  for (const character of line) {
    const width = widthOf(character);
    if (used + width > columns) return columns < 1 ? "" : `${cutTo(kept, columns - 1)}…`;
    kept += character;
    used += width;
  }
  return kept;
}

function cutTo(line: string, columns: number): string {
  const characters = [...line];
  while (columnsOf(characters.join("")) > columns) characters.pop();
  return characters.join("");
}

function widthOf(character: string): number {
  if (WITHOUT_WIDTH.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}
