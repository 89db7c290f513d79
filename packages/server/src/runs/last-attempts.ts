import type { ExecutionRow } from "./run-store.ts";

type Attempt = Pick<ExecutionRow, "id" | "retry_of" | "retried_by" | "position">;

/** The attempts that count, one a target, in the order of the targets. */
export function toLastAttempts<Row extends Attempt>(rows: readonly Row[]): Row[] {
  const byId = new Map(rows.map((row) => [row.id, row]));
  const placeOf = (row: Row): number => {
    const before = row.retry_of === null ? undefined : byId.get(row.retry_of);
    return before ? placeOf(before) : row.position;
  };
  return rows
    .filter(({ retried_by }) => retried_by === null)
    .map((row) => ({ row, place: placeOf(row) }))
    .toSorted((one, other) => one.place - other.place)
    .map(({ row }) => row);
}
