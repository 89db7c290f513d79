/**
 * What makes a terminal answer as if somebody typed: its position, its kind, its colours, its modes. Asked again in a
 * replay, the answers would reach a program that asked long ago.
 */
const QUERIES =
  /\u001b\[[?>=]?[\d;]*[cn]|\u001b\[>[\d;]*q|\u001b\[\?[\d;]*u|\u001b\[\??[\d;]*\$p|\u001b\[(?:1[1-9]|2[01])(?:;\d+)*t|\u001bZ|\u001b\][\d;]+;\?[^\u0007\u001b]{0,200}(?:\u0007|\u001b\\)|\u001bP[$+]q[^\u001b]{0,200}\u001b\\/g;
/** The beginning of a sequence that may become a query with what comes next. */
const UNFINISHED =
  /\u001b(?:\[[?>=]?[\d;]*\$?|\][\d;]*\??[^\u0007\u001b]{0,200}\u001b?|P(?:[$+]q?[^\u001b]{0,200}\u001b?)?)?$/;

/** Takes queries out of bytes that come in pieces. */
export interface QueryFilter {
  push(bytes: Uint8Array): Uint8Array;
  /** Gives what waits for more. */
  flush(): Uint8Array;
}

export function withoutQueries(): QueryFilter {
  let rest = "";
  return {
    push: (bytes) => {
      const text = rest + Buffer.from(bytes).toString("latin1");
      rest = UNFINISHED.exec(text)?.[0] ?? "";
      return clean(text.slice(0, text.length - rest.length));
    },
    flush: () => {
      const bytes = clean(rest);
      rest = "";
      return bytes;
    },
  };
}

function clean(text: string): Uint8Array {
  return Buffer.from(text.replace(QUERIES, ""), "latin1");
}
