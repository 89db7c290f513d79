import { type RunEvent, toTemplateValues } from "./run-event.ts";
import { fillTemplate } from "./template.ts";

const SLACK_TEXT = "*{run.title}*: {event}\n{run.counts} {run.failedTargets}\n{run.url}";
const MAIL_SUBJECT = "[Deckhand] {run.title}: {event}";
const MAIL_TEXT = `{run.title} ended: {run.state}.

event     {event}
run       {run.id}
script    {run.script}
origin    {run.origin}
by        {run.by}
reason    {run.reason}
targets   {run.counts}
not well  {run.failedTargets}
ended     {run.finishedAt}
duration  {run.duration}

{run.url}
`;
const SLACK_ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  // A mention needs the bare sign.
  "@": "@\u200b",
};
const LONGEST_SUBJECT = 200;

/** The text for a chat; nothing that a value holds is markup or calls anybody there. */
export function toSlackText(event: RunEvent, template: string = SLACK_TEXT): string {
  return fillTemplate(template, toTemplateValues(event), escapeForSlack);
}

function escapeForSlack(value: string): string {
  return value.replaceAll(/[&<>@]/g, (character) => SLACK_ENTITIES[character] ?? character);
}

export interface MailTemplates {
  readonly subject?: string | undefined;
  readonly text?: string | undefined;
}

/** Subject and text of a mail; a subject is one line, whatever the values hold. */
export function toMail(event: RunEvent, templates: MailTemplates) {
  const { subject = MAIL_SUBJECT, text = MAIL_TEXT } = templates;
  const values = toTemplateValues(event);
  const line = fillTemplate(subject, values, withoutControls).replaceAll(/\s+/g, " ");
  return {
    subject: line.slice(0, LONGEST_SUBJECT),
    text: fillTemplate(text, values, withoutControls),
  };
}

function withoutControls(value: string): string {
  return value.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, " ");
}
