/** What is shorter is in so many texts that it can not be hidden in a script's output. */
const SHORTEST = 4;

/** What is shown in place of a secret's value. */
export const SECRET_SHOWN = "•••";

/** A secret's values as a regular expression, for forms: nothing, or enough characters without the space around them. */
export const SECRET_PATTERN = "^(?:\\s*[^\\s\\u0000][^\\u0000]{2,}[^\\s\\u0000]\\s*)?$";

/** Says why a text can be no secret's value; an empty one hides nothing, so it may be one. */
export function findSecretProblem(text: string): string | undefined {
  const length = [...text.trim()].length;
  if (text === "" || length >= SHORTEST) return undefined;
  return `has ${length} characters without the space around it; a secret needs at least ${SHORTEST}, or it could not be hidden in output`;
}
