/** Counts the bytes of a text in UTF-8. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (let place = 0; place < text.length; place++) {
    const unit = text.charCodeAt(place);
    // Each half of a surrogate pair stands for two of the character's four bytes.
    const isSurrogate = unit >= 0xd800 && unit <= 0xdfff;
    bytes += unit < 0x80 ? 1 : unit < 0x800 || isSurrogate ? 2 : 3;
  }
  return bytes;
}

/** Says why a text can not travel byte for byte as an environment variable; undefined when it can. */
export function findTextProblem(text: string): string | undefined {
  if (text.includes("\0")) return "holds a NUL character, which no variable can carry";
  if (!text.isWellFormed()) return "holds half a character (a lone surrogate), which has no bytes";
  return undefined;
}
