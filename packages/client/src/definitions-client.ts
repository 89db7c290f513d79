import type { DefinitionView } from "@deckhand/core";
import { toDefinitionTag } from "@deckhand/core/contract/definition-tag";
import type { RequestOptions } from "./client.ts";
import type { Answer } from "./send.ts";

/** What is kept under a name, of one kind: groups, schedules, triggers, channels. */
export interface DefinitionsClient<View extends DefinitionView, Body> {
  /** All of them, by name. */
  list(): Promise<View[]>;
  get(name: string): Promise<View>;
  create(body: Body & { readonly name: string }): Promise<View>;
  /** Refused with VERSION_CONFLICT when somebody changed it since `known` was read. */
  replace(known: View, body: Body): Promise<View>;
  delete(known: View): Promise<void>;
}

type Request = (method: string, path: string, sent?: RequestOptions) => Promise<Answer>;

export function definitionsClient<View extends DefinitionView, Body>(
  request: Request,
  path: string,
): DefinitionsClient<View, Body> {
  const one = (name: string) => `${path}/${encodeURIComponent(name)}`;
  const match = (known: View) => ({ "if-match": toDefinitionTag(known) });
  async function json<Answer>(method: string, url: string, sent?: RequestOptions): Promise<Answer> {
    return (await (await request(method, url, sent)).json()) as Answer;
  }

  return {
    list: async () => {
      const all: View[] = [];
      for (let after: string | undefined; ; ) {
        const query = { limit: 1000, after };
        const page = await json<{ data: View[]; next: string | null }>("GET", path, { query });
        all.push(...page.data);
        if (page.next === null) return all;
        after = page.next;
      }
    },
    get: (name) => json<View>("GET", one(name)),
    create: (body) => json<View>("POST", path, { body }),
    replace: (known, body) => json<View>("PUT", one(known.name), { body, headers: match(known) }),
    delete: async (known) =>
      void (await request("DELETE", one(known.name), { headers: match(known) })),
  };
}
