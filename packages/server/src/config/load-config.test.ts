import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadConfig } from "./load-config.ts";

const env = { HOME: "/home/ann", XDG_DATA_HOME: "/data" };
let folder: string;
let configPath: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "deckhand-config-"));
  configPath = join(folder, "deckhand.yaml");
});
afterEach(() => rmSync(folder, { recursive: true }));

function load(yaml: string, more: Record<string, string> = {}) {
  writeFileSync(configPath, yaml);
  return loadConfig({ configPath, env: { ...env, ...more } });
}

test("without anything the server is for this machine alone and finds its engine by itself", () => {
  const config = loadConfig({ env });
  expect(config.http).toMatchObject({
    host: "127.0.0.1",
    port: 8000,
    allowedHosts: [],
    publicMetrics: false,
  });
  const guard = { archive: false };
  expect(config.engines).toEqual({
    local: { address: "auto", directExec: false, guard, schedulesFromLabels: false },
  });
  expect(config.scripts.directory).toBe(join(config.dataDir, "scripts"));
  expect(config.limits.bodyBytes).toBe(1024 * 1024);
});

test("the command line wins over the environment, and the environment over the file", () => {
  writeFileSync(configPath, "http:\n  port: 1\nlog:\n  level: warn\ndataDir: /from/file\n");
  const config = loadConfig({
    configPath,
    env: { ...env, DECKHAND_HTTP_PORT: "2", DECKHAND_DATA_DIR: "/from/env" },
    overrides: { port: 3 },
  });
  expect([config.http.port, config.dataDir, config.log.level]).toEqual([3, "/from/env", "warn"]);
});

test("sizes and times may be written with units", () => {
  const { limits } = load("limits:\n  outputBytes: 2MiB\n  timeoutMs: 1h30m\n  killGraceMs: 250\n");
  expect(limits).toMatchObject({
    outputBytes: 2 * 1024 * 1024,
    timeoutMs: 5_400_000,
    killGraceMs: 250,
  });
});

test("an engine may be an address alone", () => {
  const { engines } = load("engines:\n  one: unix:///run/docker.sock\n  two: {directExec: true}\n");
  expect(engines["one"]).toMatchObject({ address: "unix:///run/docker.sock", directExec: false });
  expect(engines["two"]).toMatchObject({ address: "auto", directExec: true });
});

test("what the guard may do on an engine is said there, and is nothing but execs by itself", () => {
  const { engines } = load(
    "engines:\n  one: auto\n  two: {guard: {archive: any-version, sidecarImage: 'busybox:1'}}\n  three: {guard: {archive: true}}\n",
  );
  expect(engines["one"]?.guard).toEqual({ archive: false });
  expect(engines["two"]?.guard).toEqual({ archive: "any-version", sidecarImage: "busybox:1" });
  expect(engines["three"]?.guard).toEqual({ archive: true });
  expect(() => load("engines: {one: {guard: {archive: always}}}")).toThrow("guard.archive");
});

test("--engine replaces the configured engines", () => {
  writeFileSync(configPath, "engines:\n  one: auto\n");
  const config = loadConfig({ configPath, env, overrides: { engine: ["a=tcp://a:2375", "b"] } });
  expect(Object.keys(config.engines)).toEqual(["a", "b"]);
  expect(config.engines["b"]?.address).toBe("auto");
});

test("a misspelt key is told with its place and the near match", () => {
  expect(() => load("log:\n  level: info\nhttp:\n  prot: 1\n")).toThrow(
    `${configPath}:4:9: http.prot: there is no such field; did you mean port?`,
  );
});

test("a wrong value is told with its place", () => {
  expect(() => load("limits:\n  timeoutMs: 1 hour\n")).toThrow(
    `${configPath}:2:14: limits.timeoutMs: write a number`,
  );
});

test("YAML that can not be read is told with its place", () => {
  expect(() => load("http:\n  port: [\n")).toThrow(`${configPath}:3:1`);
});

test("a wrong variable is told by its name", () => {
  expect(() => loadConfig({ env: { ...env, DECKHAND_HTTP_PORT: "eighty" } })).toThrow(
    "DECKHAND_HTTP_PORT: http.port",
  );
});

test("a file that is missing is told", () => {
  expect(() => loadConfig({ configPath: join(folder, "nothing.yaml"), env })).toThrow(
    "can not be read",
  );
});

test("an address that others can reach needs the names people will use", () => {
  expect(() => loadConfig({ env, overrides: { host: "0.0.0.0" } })).toThrow("http.allowedHosts");
  const allowed = { ...env, DECKHAND_HTTP_ALLOWED_HOSTS: "deckhand.example.org, other" };
  const config = loadConfig({ env: allowed, overrides: { host: "0.0.0.0" } });
  expect(config.http.allowedHosts).toEqual(["deckhand.example.org", "other"]);
});

test("the configuration is frozen, and keeps no variable that nobody needs", () => {
  const config = loadConfig({ env: { ...env, SOME_SECRET: "hunter2" } });
  expect(Object.isFrozen(config.http.allowedHosts)).toBe(true);
  expect(JSON.stringify(config)).not.toContain("hunter2");
});

const keys = { AWS_ACCESS_KEY_ID: "key", AWS_SECRET_ACCESS_KEY: "hunter2" };

test("scripts in S3 need a bucket and credentials, and AWS's own address is known", async () => {
  const { s3 } = load(
    "scripts: {s3: {bucket: ops, region: eu-central-1, prefix: a/b}}",
    keys,
  ).scripts;
  expect(s3).toMatchObject({
    endpoint: "https://s3.eu-central-1.amazonaws.com",
    pathStyle: false,
    prefix: "a/b/",
    timeoutMs: 5_000,
  });
  expect(await s3?.readCredentials()).toMatchObject({ accessKeyId: "key" });
  const other = load("scripts: {s3: {bucket: ops, endpoint: 'http://s3:9000'}}", keys).scripts.s3;
  expect(other).toMatchObject({ pathStyle: true, prefix: "" });
  expect(() => load("scripts: {s3: {bucket: ops}}")).toThrow("AWS_ACCESS_KEY_ID");
  expect(() => load("scripts: {s3: {}}", keys)).toThrow("scripts.s3.bucket");
  expect(() => load("scripts: {directory: /x, s3: {bucket: ops}}", keys)).toThrow("leave one");
});

test("the credentials are read from a file anew each time, and are no part of what could be printed", async () => {
  const file = join(folder, "credentials");
  const write = (secret: string) =>
    writeFileSync(
      file,
      `[other]\naws_access_key_id = no\n\n[ team ]\n# ours\naws_access_key_id=key\naws_secret_access_key = ${secret}\naws_session_token = token\n`,
    );
  write("hunter2");
  const config = load("scripts: {s3: {bucket: ops, profile: team}}", {
    DECKHAND_SCRIPTS_S3_CREDENTIALS_FILE: file,
  });
  expect(JSON.stringify(config)).not.toContain("hunter2");
  const { s3 } = config.scripts;
  const credentials = { accessKeyId: "key", sessionToken: "token" };
  expect(await s3?.readCredentials()).toEqual({ ...credentials, secretAccessKey: "hunter2" });
  write("hunter3");
  expect(await s3?.readCredentials()).toEqual({ ...credentials, secretAccessKey: "hunter3" });
  const missing = { DECKHAND_SCRIPTS_S3_CREDENTIALS_FILE: file };
  expect(() => load("scripts: {s3: {bucket: ops}}", missing)).toThrow("[default]");
});
