#!/usr/bin/env python3
# @deckhand 1
# @title       Table sizes
# @about       The largest tables of a database, with their indexes and dead rows.
#              Needs Python 3 and psql in the container, and nothing else.
# @tags        postgres report
# @on          label=role=db
# @interpreter python3|python
# @user        postgres
# @timeout     2m
# @effect      read
# @param       DATABASE string(1..63) = postgres   -- the database to look into
# @param       TOP      int(1..1000) = 10          -- how many tables
# @param       SCHEMA   string(1..63)?             -- one schema only; without it, all
# @param       FORMAT   choice(table|json) = table -- for people, or for programs
# @example     deckhand run db/table_sizes --on label=role=db TOP=5 FORMAT=json
import json
import os
import socket
import subprocess
import sys

# psql reads the values from its environment, so they never become part of the SQL text.
QUERY = r"""
\getenv schema SCHEMA
\getenv top TOP
SELECT coalesce(json_agg(t), '[]') FROM (
  SELECT schemaname AS schema, relname AS table,
         pg_total_relation_size(relid) AS total_bytes,
         pg_indexes_size(relid) AS index_bytes,
         n_live_tup AS live_rows, n_dead_tup AS dead_rows
  FROM pg_stat_user_tables
  WHERE :'schema' IN ('', schemaname)
  ORDER BY pg_total_relation_size(relid) DESC, schemaname, relname
  LIMIT :top
) AS t
"""
COLUMNS = ["schema", "table", "total_bytes", "index_bytes", "live_rows", "dead_rows"]


def read_tables():
    command = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
    environment = {"SCHEMA": "", **os.environ, "PGDATABASE": os.environ["DATABASE"]}
    done = subprocess.run(command, input=QUERY, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(done.returncode)
    return json.loads(done.stdout)


def print_table(rows):
    cells = [COLUMNS] + [[str(row[column]) for column in COLUMNS] for row in rows]
    widths = [max(len(line[place]) for line in cells) for place in range(len(COLUMNS))]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def main():
    rows = read_tables()
    if os.environ["FORMAT"] == "json":
        print(json.dumps({"host": socket.gethostname(), "database": os.environ["DATABASE"], "tables": rows}))
    elif rows:
        print_table(rows)
    else:
        print("no tables in " + os.environ["DATABASE"])


main()
