import { spawn } from "node:child_process";
import { createReadStream, existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { engineFetch, engineStream, formatAddress } from "../engine/engine-http.mjs";
import { STATE } from "../paths.mjs";
import { step } from "../progress.mjs";
import { runCommand } from "../run-command.mjs";
import { SetUpError } from "../set-up-error.mjs";
import { IMAGES, recipeHash } from "./image-recipes.mjs";

const RECIPE_LABEL = "deckhand.recipe";
/** A registry that has not answered by then counts as not reachable. */
const REGISTRY_ANSWERS_WITHIN_MS = 20_000;

/** Makes sure that the engine has the images, by the names of `IMAGES`. */
export async function ensureImages(engine, names) {
  for (const name of names) await ensureImage(engine, IMAGES[name]);
}

async function ensureImage({ address }, image) {
  if (await isThere(address, image)) return;
  if (image.registry && (await fromRegistry(address, image))) return;
  const archive = await ensureArchive(image);
  await step(`put ${image.name} into ${formatAddress(address)}`, () => importArchive(address, image, archive));
}

/** Ours of an older recipe is made again; one that somebody built by the same name from a registry is used as it is. */
async function isThere(address, image) {
  const { status, text } = await engineFetch(address, { path: `/images/${encodeURIComponent(image.name)}/json` });
  if (status !== 200) return false;
  const recipe = JSON.parse(text).Config?.Labels?.[RECIPE_LABEL];
  return recipe === undefined ? Boolean(image.registry) : recipe === recipeHash(image);
}

async function fromRegistry(address, image) {
  let built = false;
  await step(`look for an image registry (${image.registry.pull})`, async (status) => {
    const env = { ...process.env, DOCKER_HOST: formatAddress(address) };
    if (!(await pull(image.registry.pull, env, status))) return "none is reachable: Debian packages are used";
    await runCommand("docker", ["build", "--tag", image.name, image.registry.build], { env, onLine: status });
    built = true;
    return `built ${image.name}`;
  });
  return built;
}

/** False when the registry does not answer in time; a pull that has begun may take as long as it needs. */
function pull(reference, env, status) {
  return new Promise((resolve) => {
    const child = spawn("docker", ["pull", reference], { env, stdio: ["ignore", "pipe", "ignore"] });
    const patience = setTimeout(() => child.kill("SIGKILL"), REGISTRY_ANSWERS_WITHIN_MS);
    child.stdout.setEncoding("utf8");
    child.stdout.on("data", (text) => {
      if (/pulling from/i.test(text)) clearTimeout(patience);
      status(text.trimEnd().split("\n").at(-1) ?? "");
    });
    child.once("error", () => resolve(false));
    child.once("close", (code) => {
      clearTimeout(patience);
      resolve(code === 0);
    });
  });
}

async function ensureArchive(image) {
  const folder = join(STATE, "images");
  const archive = join(folder, `${image.name.replaceAll(/[^a-z0-9.]+/g, "-")}-${recipeHash(image)}.tar`);
  if (existsSync(archive)) return archive;
  mkdirSync(folder, { recursive: true });
  await step(`make ${image.name} from Debian packages`, async (status) => {
    const unfinished = archive.replace(/\.tar$/, ".unfinished.tar");
    await image.archive(unfinished, status);
    renameSync(unfinished, archive);
  });
  return archive;
}

async function importArchive(address, image, archive) {
  const [repo, tag] = image.name.split(":");
  const query = new URLSearchParams({ fromSrc: "-", repo, tag });
  for (const change of [...image.changes, `LABEL ${RECIPE_LABEL}=${recipeHash(image)}`]) query.append("changes", change);
  const path = `/images/create?${query}`;
  const answer = await engineStream(address, { method: "POST", path, body: createReadStream(archive) });
  let said = "";
  for await (const piece of answer) said += piece;
  if (answer.statusCode < 400 && !said.includes('"error"')) return;
  throw new SetUpError(`${formatAddress(address)} did not take ${image.name} (${answer.statusCode})`, { hint: said.slice(0, 1000) });
}
