import { utf8Length } from "./text-bytes.ts";

/** What is shorter is in so many texts that it can not be hidden in a script's output. */
const SHORTEST_BYTES = 4;

/** Says why a text can be no secret's value; an empty one hides nothing, so it may be one. */
export function findSecretProblem(text: string): string | undefined {
  const bytes = utf8Length(text.trim());
  if (text === "" || bytes >= SHORTEST_BYTES) return undefined;
  return `has ${bytes} bytes without the space around it; a secret needs at least ${SHORTEST_BYTES}, or it could not be hidden in output`;
}
