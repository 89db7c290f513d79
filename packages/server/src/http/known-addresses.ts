interface KnownAddress {
  readonly pattern: RegExp;
  readonly method: string;
}

/** Which methods each address knows, to tell a wrong method from a wrong address. */
export interface KnownAddresses {
  add(method: string | readonly string[], url: string): void;
  /** Every method that this path knows; empty when nothing is there. */
  methodsOf(path: string): string[];
}

export function knownAddresses(): KnownAddresses {
  const known: KnownAddress[] = [];
  return {
    add: (method, url) => {
      const methods = typeof method === "string" ? [method] : method;
      known.push(...methods.map((one) => ({ method: one, pattern: toPattern(url) })));
    },
    methodsOf: (path) => [
      ...new Set(known.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method)),
    ],
  };
}

/** `:name` stands for one segment, `*` for any rest. */
function toPattern(url: string): RegExp {
  const parts = url.split("/").map((part) => {
    if (part.startsWith(":")) return "[^/]+";
    return part === "*" ? ".*" : part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  });
  return new RegExp(`^${parts.join("/")}$`);
}
