import type {
  FirePage,
  NextTimes,
  PreviewTimesRequestInput,
  Run,
  Schedule,
  ScheduleBodyInput,
} from "@deckhand/core";
import type { Query, RequestOptions } from "./client.ts";
import { type DefinitionsClient, definitionsClient } from "./definitions-client.ts";
import type { Answer } from "./send.ts";

/** Everything about schedules. */
export interface SchedulesClient extends DefinitionsClient<Schedule, ScheduleBodyInput> {
  next(name: string, count?: number): Promise<NextTimes>;
  /** The next times of what might become a schedule. */
  preview(timing: PreviewTimesRequestInput): Promise<NextTimes>;
  /** Pausing twice is pausing once. */
  pause(name: string, reason?: string): Promise<Schedule>;
  resume(name: string): Promise<Schedule>;
  /** Starts it now; safe to be asked for again over a cut connection. */
  runNow(name: string): Promise<Run>;
  /** What became of each time, the newest first. */
  history(name: string, query?: Query): Promise<FirePage>;
}

type Request = (method: string, path: string, sent?: RequestOptions) => Promise<Answer>;

export function schedulesClient(
  request: Request,
  createRun: (path: string, body: unknown) => Promise<Run>,
): SchedulesClient {
  const path = "/api/v1/schedules";
  const one = (name: string, verb: string) => `${path}/${encodeURIComponent(name)}/${verb}`;
  async function json<Answer>(method: string, url: string, sent?: RequestOptions): Promise<Answer> {
    return (await (await request(method, url, sent)).json()) as Answer;
  }
  return {
    ...definitionsClient<Schedule, ScheduleBodyInput>(request, path),
    next: (name, count) => json<NextTimes>("GET", one(name, "next"), { query: { count } }),
    preview: (body) => json<NextTimes>("POST", `${path}/next`, { body }),
    pause: (name, reason) => json<Schedule>("POST", one(name, "pause"), { body: { reason } }),
    resume: (name) => json<Schedule>("POST", one(name, "resume")),
    runNow: (name) => createRun(one(name, "run"), undefined),
    history: (name, query = {}) => json<FirePage>("GET", one(name, "history"), { query }),
  };
}
