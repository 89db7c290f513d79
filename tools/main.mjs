import { bold, red, say } from "./progress.mjs";
import { SetUpError } from "./set-up-error.mjs";

/** Runs a tool's main function and turns what it throws into a message and an exit code. */
export async function main(work) {
  try {
    process.exitCode = (await work(process.argv.slice(2))) ?? 0;
  } catch (error) {
    process.exitCode = report(error);
  }
}

function report(error) {
  if (!(error instanceof SetUpError)) {
    say(`${red("✗")} ${error?.stack ?? error}`);
    return 1;
  }
  say(`${red("✗")} ${bold(error.message)}`);
  if (error.hint) say(`  ${error.hint.split("\n").join("\n  ")}`);
  return error.exitCode;
}
