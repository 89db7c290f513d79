/** In which batch, from 0, the target at this position is. */
export function batchOf(batches: readonly number[], position: number): number {
  let end = 0;
  return batches.findIndex((size) => {
    end += size;
    return position < end;
  });
}
