import { type GroupBody, parseSelector, replaceGroupRequest } from "@deckhand/core";
import type { DefinitionChange, DefinitionKind } from "../definitions/definition.ts";
import { type Definitions, type DefinitionsDeps, definitions } from "../definitions/definitions.ts";

export type Groups = Definitions<GroupBody>;

const GROUP_KIND: DefinitionKind<GroupBody> = {
  kind: "group",
  words: { one: "group", many: "groups", command: "deckhand groups" },
  action: "group.write",
  body: replaceGroupRequest,
  onChange: async (change) => assertSelectors(change),
};

/** The saved groups of targets. */
export function groups(deps: DefinitionsDeps): Groups {
  return definitions(deps, GROUP_KIND);
}

function assertSelectors({ after }: DefinitionChange<GroupBody>): void {
  for (const text of [...(after?.body.on ?? []), ...(after?.body.except ?? [])])
    parseSelector(text);
}
