/** Writes a JSON pointer (RFC 6901) from its parts. */
export function toPointer(...parts: readonly string[]): string {
  return parts.map((part) => `/${part.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
