import {
  createGroupRequest,
  group,
  type GroupBody,
  groupPage,
  replaceGroupRequest,
} from "@deckhand/core";
import { definitionRoutes, toDefinitionView } from "../definitions/definition-routes.ts";
import type { App } from "../http/app.ts";
import type { Definitions } from "../definitions/definitions.ts";

/** Everything under /api/v1/groups. */
export function groupRoutes(groups: Definitions<GroupBody>): (app: App) => void {
  return definitionRoutes({
    definitions: groups,
    path: "/api/v1/groups",
    noun: { one: "Group", many: "Groups" },
    tag: "targets",
    actions: { read: "group.read", write: "group.write" },
    create: createGroupRequest,
    replace: replaceGroupRequest,
    view: group,
    page: groupPage,
    toBody: (request) => request,
    toView: (definition) => ({ ...toDefinitionView(definition), ...definition.body }),
  });
}
