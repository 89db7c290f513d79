import { createHash } from "node:crypto";
import { AppError } from "@deckhand/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Engine, EngineEvent, EngineExec, ExecRequest } from "../engine.ts";
import { type EngineCommand, type SuiteContainer, startContainer } from "./engine-command.ts";
import { type SocketProxy, socketProxy } from "./socket-proxy.ts";

export interface ContractOptions {
  readonly name: string;
  readonly product: "docker" | "podman";
  readonly socketPath: string;
  readonly makeEngine: (address: string) => Engine;
  readonly command: EngineCommand;
  /** An image with a shell and the usual small programs. */
  readonly image: string;
  /** Flags that every container needs on this engine here. */
  readonly flags: readonly string[];
  /** Where nobody but us has a container's health checked. */
  readonly checkHealth?: (name: string) => Promise<void>;
}

/** What each engine adapter must do; run it against any new one first. */
export function engineContract(options: ContractOptions): void {
  describe(`the engine contract on ${options.name}`, () => {
    let engine: Engine;
    let container: SuiteContainer;
    const proxies: SocketProxy[] = [];
    const containers: SuiteContainer[] = [];

    const start = async (flags: readonly string[] = []) => {
      const started = await startContainer(options.command, {
        image: options.image,
        flags: [...options.flags, ...flags],
      });
      containers.push(started);
      return started;
    };
    const through = async (proxyOptions: { readonly pieceBytes?: number } = {}) => {
      const proxy = await socketProxy({ target: options.socketPath, ...proxyOptions });
      proxies.push(proxy);
      return { proxy, engine: options.makeEngine(`unix://${proxy.socketPath}`) };
    };
    const request = (script: string, more: Partial<ExecRequest> = {}): ExecRequest => ({
      containerId: container.id,
      cmd: ["/bin/sh", "-c", script],
      env: {},
      user: "",
      workdir: "",
      ...more,
    });
    const exec = (script: string, more?: Partial<ExecRequest>) =>
      engine.startExec(request(script, more));

    beforeAll(async () => {
      engine = options.makeEngine(`unix://${options.socketPath}`);
      container = await start(["--label", "role=db", "--label", "note=a=b,c"]);
    });

    afterAll(async () => {
      engine.close();
      for (const proxy of proxies) await proxy.close();
      for (const one of containers) await one.remove();
    });

    test("says what it is and speaks a version that both know", async () => {
      const version = await engine.version();
      expect(version.product).toBe(options.product);
      expect(version.apiVersion).toMatch(/^1\.\d+$/);
    });

    test("lists a running container with its name, image and labels, and finds it by name and by id", async () => {
      const listed = (await engine.listContainers()).find(({ id }) => id === container.id);
      expect(listed).toMatchObject({ name: container.name, status: "running" });
      expect(listed?.labels).toMatchObject({ role: "db", note: "a=b,c" });
      const found = await engine.findContainer(container.name);
      expect(found?.id).toBe(container.id);
      expect(Date.parse(found?.startedAt ?? "")).not.toBeNaN();
      expect(await engine.findContainer("there-is-no-such-container")).toBeUndefined();
    });

    test("tells what an image was built with, which is not what its container was given", async () => {
      const found = await engine.findContainer(container.id);
      const labels = await engine.findImageLabels(found?.imageId ?? "");
      expect(labels).toBeDefined();
      expect(labels).not.toHaveProperty("role");
      expect(await engine.findImageLabels("there-is-no-such-image")).toBeUndefined();
    });

    test("says what a container has used so far, and nothing of one that is not there or does not run", async () => {
      const before = await engine.findUsage(container.id);
      expect(before?.memoryBytes).toBeGreaterThan(0);
      await readAll(await exec("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"));
      const after = await engine.findUsage(container.id);
      expect(after?.cpuMs).toBeGreaterThan(before?.cpuMs ?? Number.NaN);
      expect(after?.at.getTime()).toBeGreaterThan(before?.at.getTime() ?? Number.NaN);
      expect(await engine.findUsage("there-is-no-such-container")).toBeUndefined();
      const stopped = await start();
      await options.command("stop", "--time", "0", stopped.id);
      expect(await engine.findUsage(stopped.id)).toBeUndefined();
    });

    test("keeps stdout and stderr apart, byte for byte, and reports an exit code afterwards", async () => {
      const running = await exec("printf 'a\\0\\377b'; printf 'c\\nd' >&2; exit 3");
      const { stdout, stderr } = await readAll(running);
      expect(stdout).toEqual(Buffer.from([0x61, 0, 0xff, 0x62]));
      expect(stderr.toString()).toBe("c\nd");
      await eventually(async () =>
        expect(await engine.findExec(running.execId)).toMatchObject({
          running: false,
          exitCode: 3,
        }),
      );
    });

    test("five megabytes come whole", async () => {
      const running = await exec(
        "i=0; while [ $i -lt 5 ]; do head -c 1048576 /dev/zero; i=$((i+1)); done | tr '\\0' x",
      );
      const { stdout } = await readAll(running);
      expect(createHash("sha256").update(stdout).digest("hex")).toBe(
        createHash("sha256")
          .update(Buffer.alloc(5 * 1024 * 1024, "x"))
          .digest("hex"),
      );
    });

    test("hands stdin on, whatever the size, and says when the process takes no more", async () => {
      const running = await exec("head -c 3000000 | md5sum");
      const bytes = Buffer.alloc(3_000_000, "stdin ");
      for (let from = 0; from < bytes.length; from += 65_536)
        await running.write(bytes.subarray(from, from + 65_536));
      const { stdout } = await readAll(running);
      expect(stdout.toString().slice(0, 32)).toBe(createHash("md5").update(bytes).digest("hex"));
      await eventually(async () => expect(await running.write(Buffer.from("late"))).toBe(false));
    });

    test("environment values pass byte for byte", async () => {
      const value = "line\nbreak 'quotes' \"double\" $HOME `x` \\ ünïcödé =end";
      const { stdout } = await readAll(await exec('printf %s "$VALUE"', { env: { VALUE: value } }));
      expect(stdout.toString()).toBe(value);
    });

    test("a user and a working directory are used", async () => {
      const { stdout } = await readAll(await exec("id -u; pwd", { user: "1234", workdir: "/tmp" }));
      expect(stdout.toString()).toBe("1234\n/tmp\n");
    });

    test("a program that is not there is told in the stream or by a typed error, and nothing ran", async () => {
      const said = await outcomeOf(engine, request("", { cmd: ["/no/such/program"] }));
      expect(said.text).toMatch(/no such file|not found/i);
      expect(said.pid).toBe(0);
    });

    test("an unknown user is refused", async () => {
      const said = await outcomeOf(engine, request("echo ran", { user: "nobody-of-this-name" }));
      expect(said.text).toMatch(/user/i);
      expect(said.text).not.toContain("ran\n");
    });

    test("a container that is not there, or does not run, or is paused, is a typed error", async () => {
      await expect(
        engine.startExec(request("true", { containerId: "0".repeat(64) })),
      ).rejects.toMatchObject({ code: "TARGET_NOT_FOUND", extra: { started: false } });
      const stopped = await start();
      await options.command("kill", stopped.name);
      await eventually(async () => {
        await expect(
          engine.startExec(request("true", { containerId: stopped.id })),
        ).rejects.toMatchObject({ code: "TARGET_STATE_CONFLICT" });
      });
    });

    test("a paused container is told as paused", async () => {
      const paused = await start();
      await options.command("pause", paused.name);
      await expect(
        engine.startExec(request("true", { containerId: paused.id })),
      ).rejects.toMatchObject({
        code: "TARGET_STATE_CONFLICT",
        extra: { containerStatus: "paused" },
      });
      await options.command("unpause", paused.name);
    });

    test("events tell of a container's start and end, with what it was and how it ended", async () => {
      const ending = new AbortController();
      const opened = Promise.withResolvers<Date | undefined>();
      const seen: EngineEvent[] = [];
      const following = (async () => {
        for await (const event of engine.events({ signal: ending.signal, onOpen: opened.resolve }))
          seen.push(event);
      })();
      await opened.promise;
      const watched = await start(["--label", "role=db"]);
      await options.command("kill", watched.name);
      const own = () => seen.filter(({ containerId }) => containerId === watched.id);
      await eventually(async () =>
        expect(own().map(({ kind }) => kind)).toEqual(expect.arrayContaining(["start", "die"])),
      );
      const died = own().find(({ kind }) => kind === "die");
      expect(died).toMatchObject({ name: watched.name, exitCode: 137, labels: { role: "db" } });
      expect(died?.image).toContain(options.image);
      expect(own().filter(({ exitCode }) => exitCode !== undefined)).toHaveLength(1);
      ending.abort();
      await following;
    });

    test("events since a time are also those that came before the connection", async () => {
      const ending = new AbortController();
      const opened = Promise.withResolvers<Date | undefined>();
      const watched = await start();
      const since = new Date(Date.now() - 60_000);
      const seen: EngineEvent[] = [];
      const following = (async () => {
        const options = { signal: ending.signal, since, onOpen: opened.resolve };
        for await (const event of engine.events(options)) seen.push(event);
      })();
      const engineTime = await opened.promise;
      expect(Math.abs((engineTime?.getTime() ?? 0) - Date.now())).toBeLessThan(60_000);
      await options.command("kill", watched.name);
      const own = () => seen.filter(({ containerId }) => containerId === watched.id);
      await eventually(async () =>
        expect(own().map(({ kind }) => kind)).toEqual(expect.arrayContaining(["start", "die"])),
      );
      ending.abort();
      await following;
    });

    test("events tell that a container's health changes, or that it is to be looked at", async () => {
      const ending = new AbortController();
      const opened = Promise.withResolvers<Date | undefined>();
      const seen: EngineEvent[] = [];
      const following = (async () => {
        for await (const event of engine.events({ signal: ending.signal, onOpen: opened.resolve }))
          if (event.kind === "health") seen.push(event);
      })();
      await opened.promise;
      const check = ["--health-cmd", "test ! -e /tmp/ill", "--health-interval", "1s"];
      const watched = await start([...check, "--health-retries", "1"]);
      await options.command("exec", watched.name, "touch", "/tmp/ill");
      await eventually(async () => {
        await options.checkHealth?.(watched.name);
        const own = seen.filter(({ containerId }) => containerId === watched.id);
        expect(own.length).toBeGreaterThan(0);
        const health = own.at(-1)?.health ?? (await engine.findContainer(watched.id))?.health;
        expect(health).toBe("unhealthy");
      });
      ending.abort();
      await following;
    });

    test("a reader that stalls does not stop the engine: the container can still be killed and a sibling ends", async () => {
      const flooded = await start();
      const flood = await engine.startExec(
        { ...request("yes"), containerId: flooded.id },
        { maxBufferedBytes: 64 * 1024 * 1024 },
      );
      await new Promise((resolve) => setTimeout(resolve, 300));
      const sibling = await engine.startExec({
        ...request("echo sibling"),
        containerId: flooded.id,
      });
      expect((await readAll(sibling)).stdout.toString()).toBe("sibling\n");
      await options.command("kill", flooded.name);
      flood.close();
    });

    test("what is not taken is held up to a bound, then the connection is given up with an error", async () => {
      const flood = await engine.startExec(request("head -c 8000000 /dev/zero"), {
        maxBufferedBytes: 1024 * 1024,
      });
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      await expect(readAll(flood)).rejects.toMatchObject({ code: "ENGINE_UNREACHABLE" });
    });

    test("frames that come a byte at a time are put together again", async () => {
      const { engine: slow } = await through({ pieceBytes: 1 });
      const running = await slow.startExec(
        request("echo out; echo err >&2; head -c 20000 /dev/zero"),
      );
      const { stdout, stderr } = await readAll(running);
      expect([stdout.length, stderr.toString()]).toEqual([20_004, "err\n"]);
      slow.close();
    });

    test("an engine that goes away ends the stream, which is no word about the process", async () => {
      const { proxy, engine: cutOff } = await through();
      const running = await cutOff.startExec(request("echo begin; sleep 30"));
      setTimeout(proxy.cut, 300);
      await readAll(running).catch((error: unknown) =>
        expect(error).toMatchObject({ code: "ENGINE_UNREACHABLE" }),
      );
      await expect(cutOff.listContainers()).rejects.toMatchObject({ code: "ENGINE_UNREACHABLE" });
      proxy.restore();
      expect((await cutOff.listContainers()).length).toBeGreaterThan(0);
      expect(
        (await engine.listProcesses(container.id)).some(({ command }) =>
          command.includes("sleep 30"),
        ),
      ).toBe(true);
      cutOff.close();
    });

    test("never asks for privileges or a terminal", async () => {
      const { proxy, engine: recorded } = await through();
      await readAll(await recorded.startExec(request("true")));
      expect(proxy.sent).not.toContain("Privileged");
      expect(proxy.sent).toContain('"Tty":false');
      recorded.close();
    });

    test("closing never throws, also twice and after the end", async () => {
      const running = await exec("true");
      await readAll(running);
      running.close();
      running.close();
    });

    test("processes are listed with their commands", async () => {
      expect((await engine.listProcesses(container.id)).length).toBeGreaterThan(0);
    });
  });
}

async function readAll(
  exec: EngineExec,
): Promise<{ readonly stdout: Buffer; readonly stderr: Buffer }> {
  const pieces = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  for await (const { stream, bytes } of exec.output) pieces[stream].push(bytes);
  exec.close();
  return { stdout: Buffer.concat(pieces.stdout), stderr: Buffer.concat(pieces.stderr) };
}

/** What the engine says of a start that can not be, wherever it says it. */
async function outcomeOf(
  engine: Engine,
  request: ExecRequest,
): Promise<{ readonly text: string; readonly pid: number }> {
  try {
    const running = await engine.startExec(request);
    const { stdout, stderr } = await readAll(running);
    return {
      text: stdout.toString() + stderr.toString(),
      pid: (await engine.findExec(running.execId))?.pid ?? 0,
    };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { text: error.message, pid: 0 };
  }
}

async function eventually(assert: () => Promise<void>): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return await assert();
    } catch (error) {
      if (tries === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
