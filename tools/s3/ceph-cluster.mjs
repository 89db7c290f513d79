// node tools/s3/ceph-cluster.mjs: a Ceph cluster with an S3 gateway, for as long as its standard input stays open. Says
// where it listens in one line of JSON. Everything lies in memory and in one temporary folder.
import { spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { main } from "../main.mjs";
import { tryCommand } from "../run-command.mjs";
import { SetUpError } from "../set-up-error.mjs";
import { ensureCeph } from "./ceph-packages.mjs";

const FOLDER = "deckhand-ceph-";
const STEP_TIMEOUT_MS = 60_000;
const MOST_TRIES = 3;
const KEYS = [
  ["mon.", { mon: "allow *" }],
  ["client.admin", { mon: "allow *", osd: "allow *" }],
  ["osd.0", { mon: "allow *", osd: "allow *" }],
  ["client.rgw", { mon: "allow rw", osd: "allow rwx" }],
];

await main(async () => {
  removeLeftBehind();
  const root = await ensureCeph();
  const stopped = whenStopped();
  const cluster = await Promise.race([startSomewhere(root), stopped]);
  // What is still starting would hold us up.
  if (!cluster) process.exit();
  process.stdout.write(`${JSON.stringify(cluster.keys)}\n`);
  await stopped;
  end(cluster);
});

/** A port that was free may be taken a moment later by anybody's connection, so other ones are tried then. */
async function startSomewhere(root) {
  for (let tries = 1; ; tries++) {
    const folder = mkdtempSync(join(tmpdir(), `${FOLDER}${process.pid}-`));
    const cluster = { folder, root, daemons: [], ...(await choosePorts()) };
    cluster.env = toEnvironment(cluster);
    process.once("exit", () => end(cluster));
    try {
      return { ...cluster, keys: await start(cluster) };
    } catch (error) {
      const failure = withLogs(error, cluster);
      end(cluster);
      if (tries === MOST_TRIES) throw failure;
    }
  }
}

function end({ daemons, folder }) {
  for (const daemon of daemons.toReversed()) daemon.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
}

/** The folders of those that were killed; each has its process's number in its name. */
function removeLeftBehind() {
  for (const name of readdirSync(tmpdir()).filter((one) => one.startsWith(FOLDER))) {
    const pid = Number(name.slice(FOLDER.length).split("-")[0]);
    if (!isRunning(pid)) rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch ({ code }) {
    return code === "EPERM";
  }
}

/** Whoever started us holds the other end, and lets go of it also when it is killed. */
function whenStopped() {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.once(signal, () => resolve());
    process.stdin.once("close", () => resolve()).once("end", () => resolve());
    process.stdin.resume();
  });
}

async function choosePorts() {
  const [monPort, s3Port] = await Promise.all([freePort(), freePort()]);
  return { monPort, s3Port };
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function toEnvironment({ root, folder }) {
  const libraries = libraryFolder(root);
  return {
    ...process.env,
    CEPH_CONF: join(folder, "ceph.conf"),
    LD_LIBRARY_PATH: [
      libraries,
      join(libraries, "ceph"),
      join(root, "usr/lib/ceph"),
      libraries.replace("/usr/lib/", "/lib/"),
    ].join(":"),
  };
}

/** Debian keeps libraries in a folder of the machine's name, such as x86_64-linux-gnu. */
function libraryFolder(root) {
  const names = readdirSync(join(root, "usr/lib"));
  const name = names.find(
    (one) => /-linux-gnu\w*$/.test(one) && hasRados(join(root, "usr/lib", one)),
  );
  return join(root, "usr/lib", name ?? "x86_64-linux-gnu");
}

function hasRados(folder) {
  return readdirSync(folder).some((name) => name.startsWith("librados.so"));
}

async function start(cluster) {
  const { folder } = cluster;
  for (const name of ["mon", "osd", "run"]) mkdirSync(join(folder, name));
  writeFileSync(join(folder, "ceph.conf"), toConfiguration(cluster));
  await makeKeys(cluster);
  await startMonitor(cluster);
  await startStorage(cluster);
  return startGateway(cluster);
}

function toConfiguration({ folder, root, monPort, s3Port }) {
  const libraries = libraryFolder(root);
  return `[global]
fsid = ${randomUUID()}
mon host = v2:127.0.0.1:${monPort}/0
mon initial members = a
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = true
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
ms bind msgr1 = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd crush update on start = true
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail warn = 0
mon data avail crit = 0
paxos propose interval = 0.05
run dir = ${folder}/run
admin socket = ${folder}/run/$name.asok
log file = ${folder}/$name.log
mon data = ${folder}/mon
osd data = ${folder}/osd
osd objectstore = memstore
memstore device bytes = 268435456
osd class dir = ${libraries}/rados-classes
plugin dir = ${libraries}/ceph
erasure code dir = ${libraries}/ceph/erasure-code
keyring = ${folder}/keyring
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:${s3Port}
rgw enable usage log = false
rgw run sync thread = false
rgw enable quota threads = false
rgw enable lc threads = false
rgw enable gc threads = false
rgw thread pool size = 32
`;
}

async function makeKeys(cluster) {
  const keyring = join(cluster.folder, "keyring");
  writeFileSync(keyring, "", { mode: 0o600 });
  for (const [name, caps] of KEYS) {
    const args = Object.entries(caps).flatMap((pair) => ["--cap", ...pair]);
    await run(cluster, "ceph-authtool", [keyring, "--gen-key", "-n", name, ...args]);
  }
  writeFileSync(join(cluster.folder, "osd", "keyring"), readFileSync(keyring), { mode: 0o600 });
}

async function startMonitor(cluster) {
  const { folder, monPort } = cluster;
  const map = join(folder, "monmap");
  const address = `[v2:127.0.0.1:${monPort}]`;
  const fsid = /fsid = (\S+)/.exec(readFileSync(join(folder, "ceph.conf"), "utf8"))[1];
  await run(cluster, "monmaptool", [
    "--create",
    "--clobber",
    "--addv",
    "a",
    address,
    "--fsid",
    fsid,
    map,
  ]);
  await run(cluster, "ceph-mon", [
    "-i",
    "a",
    "--mkfs",
    "--monmap",
    map,
    "--keyring",
    join(folder, "keyring"),
  ]);
  startDaemon(cluster, "ceph-mon", ["-i", "a"]);
}

async function startStorage(cluster) {
  const uuid = randomUUID();
  await run(cluster, "ceph-osd", ["-i", "0", "--mkfs", "--osd-uuid", uuid]);
  await ceph(cluster, ["osd", "new", uuid, "0"]);
  startDaemon(cluster, "ceph-osd", ["-i", "0"]);
}

async function startGateway(cluster) {
  startDaemon(cluster, "radosgw", ["-n", "client.rgw"]);
  const endpoint = `http://127.0.0.1:${cluster.s3Port}`;
  const accessKeyId = `AK${randomBytes(9).toString("hex").toUpperCase()}`;
  const secretAccessKey = randomBytes(20).toString("hex");
  await until(cluster, "the S3 gateway answers", () => isAnswering(endpoint));
  const user = ["--uid", "deckhand", "--display-name", "deckhand"];
  const keys = ["--access-key", accessKeyId, "--secret", secretAccessKey];
  await run(cluster, "radosgw-admin", ["user", "create", ...user, ...keys]);
  return { endpoint, accessKeyId, secretAccessKey };
}

async function isAnswering(endpoint) {
  return fetch(endpoint).then(
    () => true,
    () => false,
  );
}

async function until(cluster, what, isSo) {
  const deadline = performance.now() + STEP_TIMEOUT_MS;
  while (performance.now() < deadline) {
    if (await isSo()) return;
    const ended = cluster.daemons.find(
      ({ exitCode, signalCode }) => exitCode !== null || signalCode !== null,
    );
    if (ended) throw new SetUpError(`${ended.spawnargs.join(" ")} ended before ${what}`);
    await sleep(50);
  }
  throw new SetUpError(`in ${STEP_TIMEOUT_MS / 1000} s it did not come to pass that ${what}`);
}

/** The command line of Ceph is a Python program; this one asks the monitor directly. */
async function ceph(cluster, words) {
  const python = join(cluster.root, "usr/lib/python3/dist-packages");
  const env = { ...cluster.env, PYTHONPATH: python };
  const { exitCode, stderr } = await tryCommand(
    "/usr/bin/python3",
    [join(cluster.root, "usr/bin/ceph"), ...words],
    { env },
  );
  if (exitCode !== 0)
    throw new SetUpError(`ceph ${words.join(" ")} failed (${exitCode})`, { hint: stderr });
}

async function run({ root, env }, program, args) {
  const { exitCode, stderr, stdout } = await tryCommand(join(root, "usr/bin", program), args, {
    env,
  });
  if (exitCode === 0) return;
  throw new SetUpError(`${program} ${args[0]} failed (${exitCode})`, { hint: stderr || stdout });
}

/** Dies with us, whatever kills us. */
function startDaemon(cluster, program, args) {
  const log = openSync(join(cluster.folder, `${program}.out`), "a");
  const command = [join(cluster.root, "usr/bin", program), ...args, "-f"];
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", ...command], {
    env: cluster.env,
    stdio: ["ignore", log, log],
  });
  cluster.daemons.push(child);
}

function withLogs(error, { folder }) {
  const logs = readdirSync(folder)
    .filter((name) => name.endsWith(".out") || name.endsWith(".log"))
    .map(
      (name) =>
        `${name}:\n${readFileSync(join(folder, name), "utf8").split("\n").slice(-8).join("\n")}`,
    );
  return new SetUpError(error.message, {
    cause: error,
    hint: [error.hint, ...logs].filter(Boolean).join("\n"),
  });
}
