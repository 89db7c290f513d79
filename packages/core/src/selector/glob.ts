/** A piece of a pattern: text to be found as it stands, `*` for any run of characters, `?` for one. */
export type GlobPiece =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "any" | "one" };

/** A pattern of a selector's value; without wildcards it is compared as text. */
export interface Glob {
  readonly pieces: readonly GlobPiece[];
  /** The text it stands for when it has no wildcard. */
  readonly literal: string | undefined;
}

/** Makes a glob of pieces; neighbouring texts become one and repeated `*` one `*`. */
export function toGlob(pieces: readonly GlobPiece[]): Glob {
  const merged: GlobPiece[] = [];
  for (const piece of pieces) mergePiece(merged, piece);
  const hasWildcard = merged.some(({ kind }) => kind !== "text");
  return { pieces: merged, literal: hasWildcard ? undefined : merged.map(textOf).join("") };
}

function mergePiece(merged: GlobPiece[], piece: GlobPiece): void {
  const last = merged.at(-1);
  if (piece.kind === "text" && piece.text === "") return;
  if (piece.kind === "any" && last?.kind === "any") return;
  if (piece.kind === "text" && last?.kind === "text")
    merged[merged.length - 1] = { kind: "text", text: last.text + piece.text };
  else merged.push(piece);
}

function textOf(piece: GlobPiece): string {
  return piece.kind === "text" ? piece.text : "";
}

/** Compiles a glob to a test of a whole text. The time is bounded by the text's length times the pattern's, never more. */
export function compileGlob(glob: Glob): (text: string) => boolean {
  const { literal } = glob;
  if (literal !== undefined) return (text) => text === literal;
  if (!glob.pieces.some(({ kind }) => kind === "one")) return compileRuns(glob.pieces);
  const tokens = glob.pieces.flatMap(toTokens);
  return (text) => matchTokens(tokens, Array.from(text));
}

/** Texts with `*` between them: the first that fits is as good as any later one, so each is searched once. */
function compileRuns(pieces: readonly GlobPiece[]): (text: string) => boolean {
  const [first, last] = [textAt(pieces, 0), textAt(pieces, pieces.length - 1)];
  const inner = pieces.slice(1, -1).map(textOf);
  return (text) => {
    if (text.length < first.length + last.length) return false;
    if (!text.startsWith(first) || !text.endsWith(last)) return false;
    const end = text.length - last.length;
    let at = first.length;
    for (const wanted of inner) {
      const found = text.indexOf(wanted, at);
      if (found < 0) return false;
      at = found + wanted.length;
    }
    return at <= end;
  };
}

function textAt(pieces: readonly GlobPiece[], place: number): string {
  const piece = pieces[place];
  return piece ? textOf(piece) : "";
}

const ANY = Symbol("any run of characters");
const ONE = Symbol("one character");
type Token = string | typeof ANY | typeof ONE;

function toTokens(piece: GlobPiece): Token[] {
  if (piece.kind === "text") return Array.from(piece.text);
  return [piece.kind === "any" ? ANY : ONE];
}

/** Goes back to the last `*` only: what an earlier one swallowed never has to be looked at again. */
function matchTokens(tokens: readonly Token[], characters: readonly string[]): boolean {
  let [token, place] = [0, 0];
  let [starToken, starPlace] = [-1, 0];
  while (place < characters.length) {
    const wanted = tokens[token];
    if (wanted === ANY) {
      [starToken, starPlace] = [token, place];
      token++;
    } else if (wanted === ONE || wanted === characters[place]) {
      token++;
      place++;
    } else if (starToken >= 0) {
      starPlace++;
      [token, place] = [starToken + 1, starPlace];
    } else return false;
  }
  while (tokens[token] === ANY) token++;
  return token === tokens.length;
}
