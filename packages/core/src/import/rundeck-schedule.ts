import { findCronProblem } from "../schedule/parse-cron.ts";
import type { RundeckSchedule } from "./rundeck-job.ts";

export type CronText = { readonly cron: string } | { readonly problem: string };

/** Writes a schedule of Rundeck, whose fields are Quartz's, as cron has it: seconds first where they are not 0. */
export function toCron(schedule: RundeckSchedule): CronText {
  const { crontab } = schedule;
  const fields = crontab === undefined ? toFields(schedule) : crontab.trim().split(/\s+/);
  const [seconds = "", minutes = "", hours = "", day = "", month = "", weekday = "", year = "*"] =
    fields;
  if (fields.length < 6 || fields.length > 7)
    return { problem: `${fields.length} fields, where Quartz has 6 or 7` };
  if (year !== "*" && year !== "?") return { problem: `it is for the year ${year} only` };
  if (/[LW#C]/.test(`${day} ${weekday.replaceAll(/[A-Z]{3}/g, "")}`))
    return { problem: `${day} ${weekday} counts days from the end, or weeks, as only Quartz does` };
  const words = [minutes, hours, day, month, toWeekday(weekday)].map(toCronField);
  const cron = [...(seconds === "0" || seconds === "00" ? [] : [seconds]), ...words].join(" ");
  const problem = findCronProblem(cron);
  return problem === undefined ? { cron } : { problem: `${cron} ${problem}` };
}

function toFields({ time, weekday, dayofmonth, month, year }: RundeckSchedule): string[] {
  const { seconds = "0", minute = "0", hour = "0" } = time ?? {};
  const day = dayofmonth?.day ?? "*";
  return [seconds, minute, hour, day, month, weekday?.day ?? "*", year];
}

/** Quartz counts from Sunday as 1, cron from Sunday as 0; names are the same. */
function toWeekday(field: string): string {
  return field.replaceAll(
    /(^|[,-])([1-7])(?=$|[,/-])/g,
    (_whole, before: string, day: string) => `${before}${Number(day) - 1}`,
  );
}

/** The last value of each field, from minutes to days of the week. */
const LAST: readonly number[] = [59, 23, 31, 12, 6];

/** Quartz has `?` for any, and `5/15` for every 15 from 5 on. */
function toCronField(field: string, index: number): string {
  return field.replaceAll("?", "*").replaceAll(/(?<=^|,)(\d+)\/(\d+)/g, `$1-${LAST[index]}/$2`);
}
