import { type ParseArgsOptionsConfig, parseArgs } from "node:util";

const EXIT_USAGE = 64;

/** Reads the command line. Says how it is used and ends the process, when it was asked for that or does not understand. */
export function readFlags<const Options extends ParseArgsOptionsConfig>(
  options: Options,
  usage: string,
) {
  if (process.argv.includes("--help")) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    misused(error instanceof Error ? error.message : String(error), usage);
  }
}

export function misused(problem: string, usage: string): never {
  console.error(`✗ ${problem}\n\n${usage}`);
  process.exit(EXIT_USAGE);
}
