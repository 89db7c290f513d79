import { execFile } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { engines } from "../../../../../test/support/engines.ts";
import type { Engine } from "../engine.ts";
import { dockerCommand, type SuiteContainer, startContainer } from "../testing/engine-command.ts";
import { type DockerEngineOptions, dockerEngine } from "./docker-engine.ts";

const run = promisify(execFile);
const { docker, images } = engines();

let folder: string;
let container: SuiteContainer;
const servers: Server[] = [];
const opened: Engine[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "deckhand-transports-"));
  container = await startContainer(dockerCommand(docker.socketPath), { image: images.busybox });
});

afterAll(async () => {
  for (const engine of opened) engine.close();
  for (const server of servers) server.close();
  await container.remove();
  await rm(folder, { recursive: true, force: true });
});

function open(options: Omit<DockerEngineOptions, "name">): Engine {
  const engine = dockerEngine({ name: "far", ...options });
  opened.push(engine);
  return engine;
}

async function portOf(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** A list, an exec with input and output, and its end. */
async function expectWorking(engine: Engine): Promise<void> {
  expect((await engine.listContainers()).some(({ id }) => id === container.id)).toBe(true);
  const exec = await engine.startExec({
    containerId: container.id,
    cmd: ["/bin/sh", "-c", "read line; echo got $line; head -c 1000000 /dev/zero; exit 4"],
    env: {},
    user: "",
    workdir: "",
  });
  await exec.write(Buffer.from("input\n"));
  const pieces: Uint8Array[] = [];
  for await (const { bytes } of exec.output) pieces.push(bytes);
  expect(Buffer.concat(pieces).subarray(0, 10).toString()).toBe("got input\n");
  expect(Buffer.concat(pieces).length).toBe(1_000_010);
  exec.close();
}

test("an engine by tcp", async () => {
  const port = await portOf(
    createServer((near) =>
      near.pipe(connect(docker.socketPath).on("error", () => near.destroy())).pipe(near),
    ),
  );
  await expectWorking(open({ address: `tcp://127.0.0.1:${port}` }));
});

test("an engine by tcp and TLS, where both sides show certificates", async () => {
  const files = await makeCertificates();
  const material = {
    key: await readFile(files.keyPath),
    cert: await readFile(files.certPath),
    ca: await readFile(files.caPath),
  };
  const server = createTlsServer(
    { ...material, requestCert: true, rejectUnauthorized: true },
    (near) => {
      near.on("error", () => near.destroy());
      near.pipe(connect(docker.socketPath).on("error", () => near.destroy())).pipe(near);
    },
  );
  const port = await portOf(server);
  await expectWorking(open({ address: `tcp://localhost:${port}`, tls: files }));
  const stranger = open({ address: `tcp://localhost:${port}`, tls: { caPath: files.caPath } });
  await expect(stranger.listContainers()).rejects.toMatchObject({ code: "ENGINE_UNREACHABLE" });
});

test("an engine by ssh, through the user's own ssh command", async () => {
  const before = process.env["PATH"];
  const ssh = join(folder, "ssh");
  await writeFile(
    ssh,
    `#!/bin/sh\nprintf '%s\\n' "$*" >>${folder}/ssh-calls\nexec docker -H unix://${docker.socketPath} system dial-stdio\n`,
  );
  await chmod(ssh, 0o755);
  process.env["PATH"] = `${folder}:${before}`;
  try {
    const engine = open({ address: "ssh://ops@db-host:2222" });
    for (let round = 0; round < 20; round++) await expectWorking(engine);
  } finally {
    process.env["PATH"] = before;
  }
  expect(await readFile(join(folder, "ssh-calls"), "utf8")).toContain(
    "-p 2222 -o BatchMode=yes -- ops@db-host docker system dial-stdio",
  );
});

test("an ssh that fails says why", async () => {
  const before = process.env["PATH"];
  await writeFile(
    join(folder, "ssh"),
    "#!/bin/sh\necho 'Permission denied (publickey).' >&2\nexit 255\n",
  );
  process.env["PATH"] = `${folder}:${before}`;
  try {
    await expect(open({ address: "ssh://ops@db-host" }).version()).rejects.toMatchObject({
      code: "ENGINE_UNREACHABLE",
    });
  } finally {
    process.env["PATH"] = before;
  }
});

test("an address that is none is refused with the forms there are", () => {
  expect(() => open({ address: "docker.sock" })).toThrow(/no engine address/);
});

async function makeCertificates() {
  const [caPath, certPath, keyPath] = ["cert.pem", "cert.pem", "key.pem"].map((name) =>
    join(folder, name),
  );
  await run("openssl", [
    ...[
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "2",
    ],
    ...[
      "-keyout",
      keyPath ?? "",
      "-out",
      certPath ?? "",
      "-subj",
      "/CN=localhost",
      "-addext",
      "subjectAltName=DNS:localhost",
    ],
  ]);
  return { caPath: caPath ?? "", certPath: certPath ?? "", keyPath: keyPath ?? "" };
}
