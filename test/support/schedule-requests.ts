import type {
  FirePage,
  Run,
  RunPage,
  Schedule,
  ScheduleBodyInput,
  ScheduleFire,
} from "@deckhand/core";
import type { DeckhandServer } from "./deckhand-server.ts";

/** Speaks of schedules with a server; what it refuses is thrown as its problem's text. */
export function scheduleRequests(server: Pick<DeckhandServer, "fetch">) {
  async function send<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    const init = { method, ...(body !== undefined && { body: JSON.stringify(body) }) };
    const answer = await server.fetch(path, init);
    const text = await answer.text();
    if (!answer.ok) throw new Error(text);
    return JSON.parse(text) as Answer;
  }
  const one = (name: string, verb = "") => `/api/v1/schedules/${name}${verb}`;

  return {
    create: (body: ScheduleBodyInput & { readonly name: string }) =>
      send<Schedule>("POST", "/api/v1/schedules", body),
    get: (name: string) => send<Schedule>("GET", one(name)),
    list: async () =>
      (await send<{ data: Schedule[] }>("GET", "/api/v1/schedules?limit=1000")).data,
    pause: (name: string, reason?: string) =>
      send<Schedule>("POST", one(name, "/pause"), { reason }),
    resume: (name: string) => send<Schedule>("POST", one(name, "/resume")),
    runNow: (name: string) => send<Run>("POST", one(name, "/run")),
    /** All of it, the oldest first. */
    history: async (name: string): Promise<ScheduleFire[]> => {
      const fires: ScheduleFire[] = [];
      for (let after = ""; ; ) {
        const page = await send<FirePage>("GET", one(name, `/history?limit=200${after}`));
        fires.push(...page.data);
        if (page.next === null) return fires.toReversed();
        after = `&after=${page.next}`;
      }
    },
    /** Every run that the schedule started. */
    runs: async (schedule: Pick<Schedule, "id">): Promise<RunPage["data"]> => {
      const runs: RunPage["data"] = [];
      for (let after = ""; ; ) {
        const path = `/api/v1/runs?origin=schedule/${schedule.id}&limit=200${after}`;
        const page = await send<RunPage>("GET", path);
        runs.push(...page.data);
        if (page.next === null) return runs;
        after = `&after=${page.next}`;
      }
    },
  };
}
