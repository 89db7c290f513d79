import { columnsOf } from "./columns.ts";

const GAP = "  ";

/** Columns under capital heads, without lines, as kubectl has them. */
export function toTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [heads, ...rows.map((row) => row.map(toOneLine))];
  const widths = heads.map((_, column) => widestOf(all, column));
  const lines = all.map((row) => widths.map((width, column) => pad(row[column] ?? "", width)));
  return lines.map((cells) => `${cells.join(GAP).trimEnd()}\n`).join("");
}

function widestOf(rows: readonly (readonly string[])[], column: number): number {
  return rows.reduce((most, row) => Math.max(most, columnsOf(row[column] ?? "")), 0);
}

function toOneLine(cell: string): string {
  return cell.replaceAll(/\s*\n\s*/g, " ");
}

function pad(cell: string, columns: number): string {
  return cell + " ".repeat(columns - columnsOf(cell));
}
