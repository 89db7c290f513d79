import type { Concurrency } from "../contract/concurrency.ts";
import type { RolloutDefaults } from "../contract/rollout.ts";
import type { ResourceLimits, SurvivorPolicy } from "../contract/run.ts";
import type { SqlRows } from "../contract/sql.ts";
import type { ScriptHeaderView, ScriptParam } from "../contract/script.ts";
import type { Interpreter } from "./interpreter.ts";

/** What a script says about itself; every entry is a default that the caller may change. */
export interface ScriptHeader {
  /** False when the script has no header at all. */
  readonly declared: boolean;
  readonly title: string | null;
  readonly about: string | null;
  /** From the header, else the first line, else the extension; null when none of them tells. */
  readonly interpreter: Interpreter | null;
  readonly user: string | null;
  readonly workdir: string | null;
  readonly timeoutMs: number | null;
  readonly limits: ResourceLimits;
  readonly survivors: SurvivorPolicy | null;
  /** How many targets at once, and what errors do; null when it says neither. */
  readonly rollout: RolloutDefaults | null;
  readonly concurrency: Concurrency | null;
  readonly on: readonly string[];
  readonly except: readonly string[];
  readonly effect: ScriptHeaderView["effect"];
  /** For the interpreter `sql`: which database, and the form of its rows. */
  readonly database: string | null;
  readonly rows: SqlRows | null;
  readonly acceptsArgs: boolean;
  readonly env: Readonly<Record<string, string>>;
  readonly params: readonly ScriptParam[];
  readonly examples: readonly string[];
  readonly tags: readonly string[];
  readonly owner: string | null;
}

/** Shows a header as the API does. */
export function toHeaderView(header: ScriptHeader): ScriptHeaderView {
  const {
    declared,
    interpreter,
    env: _env,
    limits: _limits,
    survivors: _survivors,
    ...rest
  } = header;
  return {
    ...rest,
    interpreter: interpreter && [interpreter.commands.join("|"), ...interpreter.flags],
    on: [...header.on],
    except: [...header.except],
    acceptsArgs: declared ? header.acceptsArgs : true,
    params: [...header.params],
    examples: [...header.examples],
    tags: [...header.tags],
  };
}
