#!/usr/bin/env bash
# @deckhand 1
# @title    Vacuum tables
# @about    Reclaims the space of dead rows in one table, or in every table of a database,
#           and refreshes the planner's statistics. Readers and writers go on meanwhile;
#           FULL rewrites each table and locks it for as long as that takes.
# @tags     postgres maintenance
# @on       label=role=db
# @user     postgres
# @timeout  30m
# @effect   write
# @param    DATABASE string(1..63) = postgres  -- the database to clean
# @param    TABLE    string(1..127)?           -- one table, with its schema if needed; without it, all
# @param    FULL     bool = false              -- rewrite the table and lock it
# @param    JOBS     int(1..8) = 2             -- tables at the same time; with FULL one
# @param    MODE     choice(plan|run) = run    -- plan only prints the command
# @example  deckhand run db/vacuum --on project=shop,svc/db TABLE=public.orders
set -euo pipefail

# psql takes the database's name from here as it stands, and not as a connection string.
export PGDATABASE=$DATABASE

query() {
  psql -X -q -A -t -v ON_ERROR_STOP=1
}

database_size() {
  query <<< "SELECT pg_database_size(current_database())"
}

# PostgreSQL itself turns the parameter into the quoted name of a table that exists.
table_name() {
  query << 'SQL'
\getenv table TABLE
SELECT :'table'::regclass
SQL
}

command=(vacuumdb --analyze)
# Two that rewrite the system's own tables at the same time lock each other out.
if [[ $FULL == true ]]; then command+=(--full); else command+=(--jobs "$JOBS"); fi
if [[ -n ${TABLE:-} ]]; then
  table=$(table_name)
  command+=(--table "$table")
fi

before=$(database_size)
if [[ $MODE == plan ]]; then
  printf 'would run:'
  printf ' %q' "${command[@]}"
  printf ' on %s (%s bytes)\n' "$DATABASE" "$before"
  exit 0
fi

"${command[@]}"
after=$(database_size)
echo "$DATABASE on $(hostname): $before bytes before, $after bytes after"
