const ENTITIES: Readonly<Record<string, string>> = {
  lt: "<",
  gt: ">",
  amp: "&",
  quot: '"',
  apos: "'",
};

/**
 * Gives what stands between each pair of tags of this name. The answers of S3 are flat lists without attributes, comments or
 * sections of their own, so no more of XML than this is read.
 */
export function listTags(xml: string, name: string): string[] {
  return xml
    .split(`<${name}>`)
    .slice(1)
    .map((rest) => rest.split(`</${name}>`, 1)[0] ?? "");
}

/** Gives the text of the first tag of this name. */
export function findTag(xml: string, name: string): string | undefined {
  const found = listTags(xml, name)[0];
  return found === undefined ? undefined : decodeEntities(found);
}

function decodeEntities(text: string): string {
  return text.replaceAll(/&(#x[0-9a-fA-F]+|#\d+|\w+);/g, (whole, entity: string) => {
    if (!entity.startsWith("#"))
      return Object.hasOwn(ENTITIES, entity) ? (ENTITIES[entity] ?? "") : whole;
    const point = Number(entity.replace("#", "").replace(/^x/, "0x"));
    return point <= 0x10_ff_ff ? String.fromCodePoint(point) : whole;
  });
}
