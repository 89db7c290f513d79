import type { DefinitionView } from "./definition.ts";

/** The ETag of one version; a definition of the same name that is made anew has another. */
export function toDefinitionTag({ id, version }: Pick<DefinitionView, "id" | "version">): string {
  return `"${id}.${version}"`;
}
