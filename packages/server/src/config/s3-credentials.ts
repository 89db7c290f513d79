import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { ConfigError } from "./config-error.ts";
import type { Environment } from "./environment.ts";

/** Who we are at an S3 store. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
}

export interface CredentialSource {
  /** As AWS's tools have it: sections in brackets, `name = value` lines. */
  readonly file: string | undefined;
  readonly profile: string;
  readonly env: Environment;
}

type Keys = Readonly<Record<string, string | undefined>>;

/**
 * Gives a function that reads the credentials anew each time, as a file may be replaced while the server runs; what can not be
 * read now throws ConfigError. A function and no value, so that no log and no dump of the configuration shows them.
 */
export function s3Credentials({
  file,
  profile,
  env,
}: CredentialSource): () => Promise<S3Credentials> {
  if (file === undefined) {
    const found = toCredentials({
      aws_access_key_id: env["AWS_ACCESS_KEY_ID"],
      aws_secret_access_key: env["AWS_SECRET_ACCESS_KEY"],
      aws_session_token: env["AWS_SESSION_TOKEN"],
    });
    if (!found) throw noCredentials("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set");
    return async () => found;
  }
  pick(readNow(file), { file, profile });
  return async () => pick(await readFile(file, "utf8"), { file, profile });
}

function readNow(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw noCredentials(`${file} can not be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

function pick(text: string, { file, profile }: { file: string; profile: string }): S3Credentials {
  const found = toCredentials(readProfile(text, profile));
  if (found) return found;
  throw noCredentials(
    `${file} has no aws_access_key_id and aws_secret_access_key in its section [${profile}]`,
  );
}

/** Gives what stands in one section; the file may hold those of other tools as well. */
function readProfile(text: string, profile: string): Keys {
  const keys: Record<string, string> = {};
  let section = "";
  for (const line of text.split(/\r?\n/)) {
    section = /^\s*\[\s*([^\]]*?)\s*\]/.exec(line)?.[1] ?? section;
    const [, name, value] = /^\s*([a-z_]+)\s*=\s*(\S*)\s*$/.exec(line) ?? [];
    if (section === profile && name !== undefined && value !== undefined) keys[name] = value;
  }
  return keys;
}

function toCredentials(keys: Keys): S3Credentials | undefined {
  const { aws_access_key_id: accessKeyId, aws_secret_access_key: secretAccessKey } = keys;
  if (!accessKeyId || !secretAccessKey) return undefined;
  return { accessKeyId, secretAccessKey, sessionToken: keys["aws_session_token"] || undefined };
}

function noCredentials(why: string): ConfigError {
  return new ConfigError(
    `There are no credentials for the store of scripts: ${why}.\n` +
      "Set scripts.s3.credentialsFile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
  );
}
