import type { Finding, Guarantees, InsideFinding, Target } from "@deckhand/core";
import type { Examination } from "../sessions/examination.ts";
import { describeInside } from "./describe-inside.ts";

type Told = Omit<Finding, "group">;

/** Says in sentences what was found, and what to do about it. */
export function describeExamination(target: Target, examination: Examination): Finding[] {
  const groups: readonly (readonly [Finding["group"], readonly Told[]])[] = [
    ["container", describeContainer(examination)],
    ["guard", describeGuard(target, examination)],
    ["guarantees", describeRun(target, examination)],
    ["inside", describeInsideOf(examination)],
  ];
  return groups.flatMap(([group, told]) => told.map((one) => ({ group, ...one })));
}

function describeContainer({ container, engine }: Examination): Told[] {
  const { status, image, user, health, oomKilled } = container;
  const startedMs = Date.parse(container.startedAt);
  const since = Number.isNaN(startedMs) ? "" : ` since ${new Date(startedMs).toISOString()}`;
  const whose = user === "" ? "as root" : `as ${user}`;
  return [
    tell("ok", "status", `${status}${since}, from ${image}, ${whose}`),
    tell("ok", "engine", `${engine.product} ${engine.version} on ${engine.os}/${engine.arch}`),
    ...describeHealth(health),
    ...(oomKilled
      ? [
          tell(
            "warning",
            "memory",
            "the engine noted that something in it was ended for lack of memory",
            "Raise its memory limit, or give scripts less to do.",
          ),
        ]
      : []),
  ];
}

function describeHealth(health: Examination["container"]["health"]): Told[] {
  if (health === undefined) return [];
  if (health === "unhealthy")
    return [tell("warning", "health", "its health check fails", "Look at the container's log.")];
  return [tell("ok", "health", health)];
}

function describeGuard({ engine }: Target, { guard, tried, inside }: Examination): Told[] {
  const failed = tried.map(({ way, problem, advice }) =>
    guard ? tell("note", way, problem) : tell("problem", way, problem, advice),
  );
  if (!guard) {
    const told = "there is no way in for it";
    return [tell("problem", "guard", told, adviseWay(engine, { tried, inside })), ...failed];
  }
  const { way, path, version, pid, protocol, wasThere } = guard;
  const since = wasThere ? "was there already" : "was started just now";
  return [
    tell("ok", "guard", `comes in by ${way} and ${since}: process ${pid}, protocol ${protocol}`),
    tell("ok", "program", `${path}, version ${version}`),
    ...failed,
  ];
}

/** What lets a guard in, of what was not tried. */
function adviseWay(
  engine: string,
  { tried, inside }: Pick<Examination, "tried" | "inside">,
): string {
  const isTried = (name: string) => tried.some(({ way }) => way === name);
  const byShell = "a tmpfs that holds programs (docker run --tmpfs /run:exec)";
  const advice = [
    ...(inside ? [byShell, "python3 or perl in the image"] : ["a shell in the image"]),
    ...(isTried("archive") ? [] : [`engines.${engine}.guard.archive: true in the configuration`]),
    ...(isTried("sidecar") ? [] : [`engines.${engine}.guard.sidecarImage: busybox, for example`]),
  ];
  return `One of these lets it in: ${advice.join("; ")}.`;
}

function describeRun({ engine }: Target, { guarantees, refusal, inside }: Examination): Told[] {
  if (!guarantees) return describeRefusal(engine, refusal);
  const { way, durability, stop, survivesServerRestart } = guarantees;
  return [
    ...describeRefusal(engine, refusal),
    ...(way === "guard" && !inside ? [ONLY_PROGRAMS] : []),
    WAYS[way],
    DURABILITIES[durability],
    stop === "marker-sweep" ? describeSweep(inside) : STOPS[stop],
    survivesServerRestart
      ? tell("ok", "server restart", "scripts go on, and end with their true result")
      : tell("warning", "server restart", "no re-attach: what runs then ends as lost"),
    way === "guard"
      ? tell("ok", "terminal", "can be opened")
      : tell("warning", "terminal", "can not be opened: it needs the guard"),
  ];
}

const ONLY_PROGRAMS = tell(
  "warning",
  "scripts",
  "there is no shell: only what the container has can be started, interpreters of its own or plain command lines",
);

const WAYS: Readonly<Record<Guarantees["way"], Told>> = {
  guard: tell("ok", "way", "guard: it starts the script, and keeps its output and its end"),
  "shell-files": tell(
    "warning",
    "way",
    "shell-files: a shell starts the script, and files in the container keep its output and its end",
  ),
  "attached-exec": tell(
    "warning",
    "way",
    "attached-exec: the script's output and end are on the engine's connection alone",
  ),
  "direct-exec": tell(
    "problem",
    "way",
    "direct-exec: a command line is the engine's exec itself, and nothing of ours watches it",
  ),
};

const DURABILITIES: Readonly<Record<Guarantees["durability"], Told>> = {
  durable: tell(
    "ok",
    "durability",
    "durable: no output and no exit code is lost with a connection",
  ),
  attached: tell(
    "warning",
    "durability",
    "attached: with its connection to the engine a script's further output and its exit code are lost",
  ),
  none: tell(
    "problem",
    "durability",
    "none: the engine alone knows how it ends, and is believed only while the connection holds",
  ),
};

const STOPS: Readonly<Record<Exclude<Guarantees["stop"], "marker-sweep">, Told>> = {
  tree: tell(
    "ok",
    "stop",
    "tree: cancel and time limit end every process of a script, and none ever becomes a child of PID 1",
  ),
  none: tell(
    "problem",
    "stop",
    "none: cancel and time limit end nothing; what was started goes on",
  ),
};

function describeSweep(inside: InsideFinding | undefined): Told {
  const found =
    "marker-sweep: processes are found by their session and a mark in their environment";
  if (inside?.interpreters["perl"])
    return tell("warning", "stop", `${found}, and a reaper in perl adopts what is left behind`);
  const escapes = "what leaves the one and clears the other goes on, and orphans reach PID 1";
  return tell("warning", "stop", `${found}; ${escapes}`);
}

function describeRefusal(engine: string, refusal: Examination["refusal"]): Told[] {
  if (!refusal) return [];
  const hint =
    refusal.code === "no-shell"
      ? `Plain command lines can be allowed: engines.${engine}.directExec: true in the configuration.`
      : undefined;
  return [tell("problem", "scripts", `can not run here. ${refusal.detail}`, hint)];
}

function describeInsideOf({ inside, guarantees }: Examination): Told[] {
  if (inside) return describeInside(inside, { isGuarded: guarantees?.way === "guard" });
  return [tell("note", "shell", "there is none to look around by, or it does not answer")];
}

function tell(
  state: Told["state"],
  check: string,
  ...[detail, hint]: [detail: string, hint?: string | null]
): Told {
  return { check, state, detail, hint: hint ?? null };
}
