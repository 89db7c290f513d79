// npm run demo: three PostgreSQL containers, a server, and three scripts run inside them. `-- --down` removes all of it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  COMPOSE_PATH,
  PROJECT,
  removeCluster,
  removeImage,
  startCluster,
} from "./demo/cluster.mjs";
import {
  DATA_DIR,
  ensureServer,
  LOG_PATH,
  readState,
  removeServerData,
  stopServer,
  TOKEN_PATH,
  withoutSettings,
} from "./demo/server.mjs";
import { ensureEngine } from "./engine/ensure-engine.mjs";
import { isAnswering, parseAddress } from "./engine/engine-http.mjs";
import { findEngine } from "./engine/find-engine.mjs";
import { ensureGuard } from "./guard/build-guard.mjs";
import { ensureImages } from "./images/ensure-images.mjs";
import { IMAGES } from "./images/image-recipes.mjs";
import { main } from "./main.mjs";
import { ROOT } from "./paths.mjs";
import { bold, dim, say, step } from "./progress.mjs";
import { tryCommand } from "./run-command.mjs";
import { SetUpError } from "./set-up-error.mjs";
import { ensureToolchain, runInForeground } from "./toolchain.mjs";

const DECKHAND = join(ROOT, "packages/cli/bin/deckhand.js");
const SAMPLE_DATA = join(ROOT, "examples/postgres-cluster/sample-data.sql");
const EXIT_USAGE = 64;

/** One script in each language, on one, two and all three databases. */
const RUNS = [
  ["bash, on one", ["run", "db/vacuum", "--on", "db-1", "TABLE=users"]],
  ["python, on two", ["run", "db/table_sizes", "--on", "db-1", "--on", "db-2", "--view", "prefix"]],
  [
    "SQL, on all three",
    ["run", "db/slow_queries", "--on", `project=${PROJECT}`, "MIN_MS=0", "--view", "prefix"],
  ],
];

/** Something for the third script to find: a query that takes its time, started and left alone. */
const SLOW_QUERY = [
  "exec",
  "--detach",
  "--on",
  "db-2",
  "-u",
  "postgres",
  "--",
  "psql",
  "-Xqc",
].concat("SELECT pg_sleep(20)");

await main((args) => {
  const unknown = args.find((arg) => !["--down", "--images"].includes(arg));
  if (unknown || (args.includes("--images") && !args.includes("--down")))
    throw usage(unknown ?? "--images");
  return args.includes("--down") ? down({ withImages: args.includes("--images") }) : up();
});

function usage(argument) {
  return new SetUpError(`${argument} is not understood here`, {
    exitCode: EXIT_USAGE,
    hint: "npm run demo                       brings everything up\nnpm run demo -- --down             removes it\nnpm run demo -- --down --images    and the example image",
  });
}

async function up() {
  const env = await ensureToolchain();
  await ensureGuard();
  const engine = await ensureEngine();
  await ensureImages(engine, ["postgres"]);
  await step("start three PostgreSQL containers", async (status) =>
    (await startCluster(engine.address, status)).join(", "),
  );
  const { url, isNew } = await ensureDemoServer(engine, env);
  const deckhandEnv = {
    ...withoutSettings(env),
    DECKHAND_SERVER: url,
    DECKHAND_TOKEN_FILE: TOKEN_PATH,
  };
  await step("fill them with sample tables", () => fillDatabases(deckhandEnv));
  await step("start a slow query on db-2", () => runQuietly(SLOW_QUERY, deckhandEnv));
  for (const [title, args] of RUNS) await runScript({ title, args, env: deckhandEnv });
  sayWhatIsNext({ url, isNew });
}

async function ensureDemoServer(engine, env) {
  let server;
  await step("start the server", async () => {
    server = await ensureServer({ engine: engine.address, env });
    return server.isNew ? server.url : `${server.url} (it ran already)`;
  });
  return server;
}

function fillDatabases(env) {
  return runQuietly(["run", SAMPLE_DATA, "--on", `project=${PROJECT}`], env);
}

async function runQuietly(args, env) {
  const { exitCode, stdout, stderr } = await tryCommand("node", [DECKHAND, ...args], { env });
  if (exitCode !== 0) throw endedBadly(args, exitCode, stdout + stderr);
}

async function runScript({ title, args, env }) {
  say();
  say(`${bold(`$ deckhand ${args.join(" ")}`)}   ${dim(title)}`);
  const exitCode = await runInForeground("node", [DECKHAND, ...args], { env });
  if (exitCode !== 0) throw endedBadly(args, exitCode, "");
}

function endedBadly(args, exitCode, said) {
  const hint = `${said}The server's log: ${LOG_PATH}`;
  return new SetUpError(`deckhand ${args.join(" ")} ended with ${exitCode}`, { hint });
}

function sayWhatIsNext({ url }) {
  const token = readFileSync(TOKEN_PATH, "utf8").trim();
  const lines = [
    "",
    `The server is up:  ${bold(url)}    its API: ${url}/docs`,
    `Token:             ${token}`,
    `  also in          ${TOKEN_PATH}`,
    `Data and log:      ${DATA_DIR}`,
    "",
    "Try next:",
    "  alias deckhand='npm run --silent deckhand --'",
    `  export DECKHAND_SERVER=${url} DECKHAND_TOKEN_FILE=${TOKEN_PATH}`,
    "  deckhand targets",
    `  deckhand run db/vacuum --on project=${PROJECT} JOBS=2`,
    `  deckhand exec --on project=${PROJECT} -- psql -U postgres -Atc 'select count(*) from users'`,
    "  deckhand runs",
    `  curl -H "Authorization: Bearer $(cat $DECKHAND_TOKEN_FILE)" ${url}/api/v1/targets`,
    "  npm run demo -- --down     removes all of it",
    "",
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}

async function down({ withImages }) {
  const engine = await findDemoEngine();
  await step("stop the server", async () => ((await stopServer()) ? "stopped" : "it did not run"));
  if (engine)
    await step(
      "remove the containers and their volumes",
      async () => `${await removeCluster(engine)} removed`,
    );
  else say(`  No engine answers, so there are no containers to remove (${COMPOSE_PATH}).`);
  if (engine && withImages)
    await step(`remove ${IMAGES.postgres.name}`, () => removeImage(engine, IMAGES.postgres.name));
  await step("remove the demo's data", () => removeServerData());
}

/** The engine that the demo was started on; only where that is not known, the one that answers. */
async function findDemoEngine() {
  const written = readState()?.engine;
  if (!written) return (await findEngine())?.address;
  const address = parseAddress(written);
  return (await isAnswering(address)) ? address : undefined;
}
