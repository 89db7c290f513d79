import { readProgram, WRAPPER_PROGRAM } from "../attached/programs.ts";

const KEEPER = readProgram(new URL("keeper.sh", import.meta.url));
const READER = readProgram(new URL("reader.sh", import.meta.url));
const RELEASE = readProgram(new URL("release.sh", import.meta.url));

export const KEEPER_COMMAND: readonly string[] = ["/bin/sh", "-c", KEEPER, "sh", WRAPPER_PROGRAM];
export const READER_COMMAND: readonly string[] = ["/bin/sh", "-c", READER, "sh"];
export const RELEASE_COMMAND: readonly string[] = ["/bin/sh", "-c", RELEASE, "sh"];
