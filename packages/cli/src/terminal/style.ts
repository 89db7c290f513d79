import { styleText } from "node:util";

type Format = Parameters<typeof styleText>[0];

/** Colours when they are wanted: `--color` over NO_COLOR over CLICOLOR_FORCE over being a terminal. */
export interface Style {
  (format: Format, text: string): string;
  readonly isOn: boolean;
}

export type ColorChoice = "auto" | "always" | "never";

export interface ColorSituation {
  readonly choice: ColorChoice;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isTerminal: boolean;
}

export function createStyle(situation: ColorSituation): Style {
  const isOn = wantsColor(situation);
  const style = (format: Format, text: string) =>
    isOn ? styleText(format, text, { validateStream: false }) : text;
  return Object.assign(style, { isOn });
}

function wantsColor({ choice, env, isTerminal }: ColorSituation): boolean {
  if (choice !== "auto") return choice === "always";
  if (env["NO_COLOR"]) return false;
  if (env["CLICOLOR_FORCE"] && env["CLICOLOR_FORCE"] !== "0") return true;
  return isTerminal && env["TERM"] !== "dumb";
}
