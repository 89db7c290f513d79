import { readFileSync } from "node:fs";
import type { SqlLaunch } from "@deckhand/core";

const DRIVER = readFileSync(new URL("driver.sh", import.meta.url), "utf8");
const JSON_TEXT = readAwk("json-text.awk");
const MARKED_ROWS = JSON_TEXT + readAwk("marked-rows.awk");
const XML_ROWS = JSON_TEXT + readAwk("xml-rows.awk");

/** The shell program that finds the client and hands the script to it. */
export function toSqlPrelude(launch: SqlLaunch): string {
  const { client, rows, readOnly, params, database } = launch;
  const settings = {
    client,
    rows,
    read_only: readOnly ? "1" : "",
    names: params.join(" "),
    database: database?.kind === "named" ? database.name : "",
    database_name: database?.kind === "param" ? database.param : "",
    marked_rows: MARKED_ROWS,
    xml_rows: XML_ROWS,
  };
  const lines = Object.entries(settings).map(([name, text]) => `deckhand_${name}=${quote(text)}\n`);
  return lines.join("") + DRIVER;
}

/** Between single quotes a shell takes every character as it is. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function readAwk(name: string): string {
  return readFileSync(new URL(name, import.meta.url), "utf8");
}
