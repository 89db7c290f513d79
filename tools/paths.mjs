import { fileURLToPath } from "node:url";
import { join } from "node:path";

/** The checkout. */
export const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** What the tools make and may be thrown away. */
export const STATE = join(ROOT, ".deckhand");
/** The pinned Node and pnpm, where the system's do not do. */
export const TOOLCHAIN = join(ROOT, ".tools");
