import { z } from "zod";
import { definitionName, definitionView } from "./definition.ts";
import { pageOf } from "./shared.ts";

const selectorText = z.string().min(1).max(1000);

/** A selector under a name; who uses it means the targets that it matches then. */
const groupBody = z.strictObject({
  on: z
    .array(selectorText)
    .min(1)
    .max(100)
    .meta({ description: "selectors; a target of any of them is in the group" }),
  except: z.array(selectorText).max(100).default([]).meta({ description: "what is left out" }),
  description: z.string().max(500).default(""),
});
export type GroupBody = z.infer<typeof groupBody>;

export const createGroupRequest = groupBody
  .extend({ name: definitionName })
  .meta({ id: "CreateGroupRequest" });
export const replaceGroupRequest = groupBody.meta({ id: "ReplaceGroupRequest" });
export type ReplaceGroupRequestInput = z.input<typeof replaceGroupRequest>;

export const group = definitionView("grp_").extend(groupBody.shape).meta({ id: "Group" });
export type Group = z.infer<typeof group>;
export const groupPage = pageOf(group).meta({ id: "GroupPage" });
