import type { GivenSecrets, RunRequest, ScriptHeader } from "@deckhand/core";

/** Reads the stored secrets that a request names, and those that a script's header takes when nothing else is given. */
export async function readStoredSecrets(
  findValue: (name: string) => Promise<string | undefined>,
  header: ScriptHeader | undefined,
  { params, secrets }: Pick<RunRequest, "params" | "secrets">,
): Promise<GivenSecrets> {
  const declared = (header?.params ?? []).flatMap(({ name, from }) =>
    from !== null && !Object.hasOwn(params, name) ? [[name, from] as const] : [],
  );
  const wanted = { ...Object.fromEntries(declared), ...secrets };
  const given = await Promise.all(
    Object.entries(wanted).map(async ([param, name]) => [
      param,
      { name, value: await findValue(name), isAsked: Object.hasOwn(secrets, param) },
    ]),
  );
  return Object.fromEntries(given);
}
