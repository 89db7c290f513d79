/** Keeps the values of secret parameters from acceptance to the run's end, in memory and nowhere else. */
export interface SecretMemory {
  keep(runId: string, values: Readonly<Record<string, string>>): void;
  find(runId: string): Readonly<Record<string, string>> | undefined;
  forget(runId: string): void;
}

export function secretMemory(): SecretMemory {
  const values = new Map<string, Readonly<Record<string, string>>>();
  return {
    keep: (runId, secrets) => values.set(runId, secrets),
    find: (runId) => values.get(runId),
    forget: (runId) => values.delete(runId),
  };
}
