import { spawn } from "node:child_process";
import { createReadStream, existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { engineFetch, engineStream, formatAddress } from "../engine/engine-http.mjs";
import { STATE } from "../paths.mjs";
import { step } from "../progress.mjs";
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
  await step(`put ${image.name} into ${formatAddress(address)}`, () =>
    importArchive(address, image, archive),
  );
}

/** Ours of an older recipe is made again; one that somebody built by the same name from a registry is used as it is. */
async function isThere(address, image) {
  const { status, text } = await engineFetch(address, {
    path: `/images/${encodeURIComponent(image.name)}/json`,
  });
  if (status !== 200) return false;
  const recipe = JSON.parse(text).Config?.Labels?.[RECIPE_LABEL];
  return recipe === undefined ? Boolean(image.registry) : recipe === recipeHash(image);
}

async function fromRegistry(address, image) {
  const { pull, build } = image.registry;
  let isReachable = false;
  await step(`look for an image registry (${pull})`, async (status) => {
    isReachable = (await hasImage(address, pull)) || (await pullImage(address, pull, status));
    return isReachable ? "there" : "none is reachable: Debian packages are used";
  });
  if (!isReachable) return false;
  await step(`build ${image.name}`, (status) =>
    buildImage({ address, name: image.name, folder: build, status }),
  );
  return true;
}

async function hasImage(address, name) {
  return (
    (await engineFetch(address, { path: `/images/${encodeURIComponent(name)}/json` })).status ===
    200
  );
}

/** False when the registry does not answer in time; a pull that has begun may take as long as it needs. */
async function pullImage(address, reference, status) {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), REGISTRY_ANSWERS_WITHIN_MS);
  const [, fromImage, tag] = /^(.+):([^:/]+)$/.exec(reference);
  const path = `/images/create?${new URLSearchParams({ fromImage, tag })}`;
  try {
    const answer = await engineStream(address, { method: "POST", path, signal: patience.signal });
    const failure = await readProgress(answer, (text) => {
      if (/pulling/i.test(text)) clearTimeout(timer);
      status(text);
    });
    return answer.statusCode < 400 && !failure;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}

async function buildImage({ address, name, folder, status }) {
  const files = spawn("tar", ["--create", "--file=-", "--directory", folder, "."], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const query = new URLSearchParams({ t: name, rm: "true" });
  const answer = await engineStream(address, {
    method: "POST",
    path: `/build?${query}`,
    body: files.stdout,
  });
  const failure = await readProgress(answer, status);
  if (answer.statusCode < 400 && !failure) return;
  throw new SetUpError(`${formatAddress(address)} could not build ${name} (${answer.statusCode})`, {
    hint: failure,
  });
}

/** Follows the JSON lines with which an engine tells how a long request goes; gives the error line, if there is one. */
async function readProgress(answer, status) {
  let failure = "";
  for await (const line of createInterface({ input: answer })) {
    if (/"(error|message)"/.test(line)) failure = line;
    const { stream, status: text, progress = "" } = parseLine(line);
    if (stream ?? text) status(`${stream ?? text} ${progress}`);
  }
  return failure;
}

function parseLine(line) {
  try {
    return JSON.parse(line) ?? {};
  } catch {
    return {};
  }
}

async function ensureArchive(image) {
  const folder = join(STATE, "images");
  const archive = join(
    folder,
    `${image.name.replaceAll(/[^a-z0-9.]+/g, "-")}-${recipeHash(image)}.tar`,
  );
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
  // The tag is part of `repo`, since Podman overlooks the parameter `tag`.
  const query = new URLSearchParams({ fromSrc: "-", repo: image.name });
  for (const change of [...image.changes, `LABEL ${RECIPE_LABEL}=${recipeHash(image)}`])
    query.append("changes", change);
  const path = `/images/create?${query}`;
  const answer = await engineStream(address, {
    method: "POST",
    path,
    body: createReadStream(archive),
  });
  const failure = await readProgress(answer, () => {});
  if (answer.statusCode < 400 && !failure) return;
  throw new SetUpError(
    `${formatAddress(address)} did not take ${image.name} (${answer.statusCode})`,
    { hint: failure },
  );
}
