import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const BIN = join(ROOT, "node_modules/.bin");
const run = promisify(execFile);

interface Planted {
  readonly rule: string;
  readonly why: string;
  readonly files: Readonly<Record<string, string>>;
}

const SERVER = "packages/server/src";
const RESTRICTED = "eslint(no-restricted-imports)";

/** What the linter must find, one planted violation for each rule. */
const VIOLATIONS: readonly Planted[] = [
  {
    why: "files that import each other in a circle",
    rule: "import(no-cycle)",
    files: {
      [`${SERVER}/runs/one.ts`]: 'import { two } from "./two.ts";\nexport const one = () => two;',
      [`${SERVER}/runs/two.ts`]: 'import { one } from "./one.ts";\nexport const two = () => one;',
    },
  },
  {
    why: "an engine adapter that imports a capability",
    rule: RESTRICTED,
    files: importing(`${SERVER}/engines/docker/docker-engine.ts`, "../../runs/plan-run.ts"),
  },
  {
    why: "an engine adapter that imports another adapter",
    rule: RESTRICTED,
    files: importing(`${SERVER}/engines/kubernetes/pods.ts`, "../docker/docker-http.ts"),
  },
  {
    why: "a module beside the engine port that imports a capability",
    rule: RESTRICTED,
    files: importing(`${SERVER}/engines/discover.ts`, "../targets/inventory.ts"),
  },
  {
    why: "a way into a container that imports a capability",
    rule: RESTRICTED,
    files: importing(`${SERVER}/sessions/attached/session.ts`, "../../runs/plan-run.ts"),
  },
  {
    why: "a script back end that imports a capability",
    rule: RESTRICTED,
    files: importing(`${SERVER}/scripts/directory/files.ts`, "../../audit/audit-log.ts"),
  },
  {
    why: "a script back end that imports the other one",
    rule: RESTRICTED,
    files: importing(`${SERVER}/scripts/s3/objects.ts`, "../directory/script-files.ts"),
  },
  {
    why: "a capability that imports an engine adapter",
    rule: RESTRICTED,
    files: importing(`${SERVER}/runs/execute.ts`, "../engines/docker/docker-engine.ts"),
  },
  {
    why: "a capability that imports another capability's store",
    rule: RESTRICTED,
    files: importing(`${SERVER}/schedules/start.ts`, "../runs/run-store.ts"),
  },
  {
    why: "routes imported outside http/ and main/",
    rule: RESTRICTED,
    files: importing(`${SERVER}/runs/plan.ts`, "../targets/targets.routes.ts"),
  },
  {
    why: "a capability that imports main/",
    rule: RESTRICTED,
    files: importing(`${SERVER}/runs/ids.ts`, "../main/new-id.ts"),
  },
  {
    why: "http/ that imports main/",
    rule: RESTRICTED,
    files: importing(`${SERVER}/http/server.ts`, "../main/serve.ts"),
  },
  {
    why: "core that imports Node",
    rule: RESTRICTED,
    files: importing("packages/core/src/read.ts", "node:fs"),
  },
  {
    why: "core that imports another package of ours",
    rule: RESTRICTED,
    files: importing("packages/core/src/call.ts", "@deckhand/server"),
  },
  {
    why: "core that looks at the clock",
    rule: "eslint(no-restricted-properties)",
    files: { "packages/core/src/now.ts": "export const now = () => Date.now();" },
  },
  {
    why: "a client that imports Node",
    rule: RESTRICTED,
    files: importing("packages/client/src/read.ts", "node:http"),
  },
  {
    why: "a command line that reads all of core",
    rule: RESTRICTED,
    files: importing("packages/cli/src/views/spans.ts", "@deckhand/core"),
  },
  {
    why: "a client that reads all of core",
    rule: RESTRICTED,
    files: importing("packages/client/src/spans.ts", "@deckhand/core"),
  },
  {
    why: "an import of nothing but types that reads the file all the same",
    rule: "typescript(no-import-type-side-effects)",
    files: {
      [`${SERVER}/runs/shown.ts`]:
        'import { type Planted } from "./planted.ts";\nexport const shown = (one: Planted) => one;',
    },
  },
  {
    why: "the environment read outside config/",
    rule: "node(no-process-env)",
    files: { [`${SERVER}/runs/limits.ts`]: "export const home = process.env.HOME;" },
  },
  {
    why: "a promise that nobody waits for",
    rule: "typescript(no-floating-promises)",
    files: {
      [`${SERVER}/runs/forget.ts`]:
        "async function save(): Promise<void> {}\nexport function forget(): void {\n  save();\n}",
    },
  },
];

let findings: readonly { readonly file: string; readonly rule: string }[] = [];
let folder: string;

// All are planted in one tree and found in one pass; each in a folder of its own would start the linter many times.
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "deckhand-planted-"));
  await copyFile(join(ROOT, ".oxlintrc.json"), join(folder, ".oxlintrc.json"));
  await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
  await plant(
    "tsconfig.json",
    '{ "compilerOptions": { "strict": true, "types": [], "noEmit": true } }',
  );
  for (const { files } of VIOLATIONS) {
    for (const [file, text] of Object.entries(files)) await plant(file, text);
  }
  findings = await lint();
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test.each(VIOLATIONS)("the linter finds $why", ({ files, rule }) => {
  for (const file of Object.keys(files)) expect(findings).toContainEqual({ file, rule });
});

test("core does not compile with what only Node or a browser has", async () => {
  for (const text of ["process.exit()", "document.title", "setTimeout(() => {}, 1)"]) {
    await plant("core/planted.ts", `export const planted = () => ${text};\n`);
    const extended = join(ROOT, "packages/core/tsconfig.json");
    await plant(
      "core/tsconfig.json",
      JSON.stringify({ extends: extended, include: ["planted.ts"] }),
    );
    const compiled = run(join(BIN, "tsc"), ["-p", join(folder, "core")]);
    await expect(compiled).rejects.toMatchObject({
      stdout: expect.stringContaining("Cannot find name"),
    });
  }
});

function importing(file: string, specifier: string): Record<string, string> {
  return { [file]: `import { planted } from "${specifier}";\nexport const used = planted;` };
}

async function plant(file: string, text: string): Promise<void> {
  const path = join(folder, file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

async function lint(): Promise<typeof findings> {
  const args = ["--type-aware", "--format", "json"];
  const ended: unknown = await run(join(BIN, "oxlint"), args, { cwd: folder }).catch(
    (error) => error,
  );
  const { diagnostics } = JSON.parse((ended as { stdout: string }).stdout);
  return diagnostics.map(({ filename, code }: { filename: string; code: string }) => ({
    file: filename,
    rule: code,
  }));
}
