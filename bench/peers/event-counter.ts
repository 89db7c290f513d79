const BOUNDARY = "\n\n";
/** Where an event's id or its name is, from its first byte on. */
const HEAD_BYTES = 32;

/** Reads server-sent events just far enough to see that none is missing, and costs next to nothing. */
export interface EventCounter {
  take(piece: Buffer): void;
  /** Gives the last id; throws unless all came in order and the end was told. */
  finish(): number;
}

export function eventCounter(): EventCounter {
  let carried: Buffer = Buffer.alloc(0);
  let lastId = 0;
  let ended = false;

  function look(head: string): void {
    const id = /^id: (\d+)\n/.exec(head)?.[1];
    if (id !== undefined && Number(id) !== ++lastId) throw new Error(`${id} came, not ${lastId}`);
    ended ||= head.startsWith("event: end\n");
  }

  return {
    take: (piece) => {
      const bytes = carried.length === 0 ? piece : Buffer.concat([carried, piece]);
      carried = bytes.at(-1) === 10 ? bytes.subarray(-1) : Buffer.alloc(0);
      for (let at = bytes.indexOf(BOUNDARY); at >= 0; at = bytes.indexOf(BOUNDARY, at + 2)) {
        const from = at + BOUNDARY.length;
        if (from + HEAD_BYTES > bytes.length) {
          carried = bytes.subarray(at);
          return;
        }
        look(bytes.toString("latin1", from, from + HEAD_BYTES));
      }
    },
    finish: () => {
      if (!ended) throw new Error("the stream stopped before its end was told");
      return lastId;
    },
  };
}
