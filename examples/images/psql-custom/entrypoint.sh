#!/bin/bash
# Makes the database on the first start and then becomes PostgreSQL, which is PID 1 as in the usual images.
# Of their settings it knows POSTGRES_PASSWORD, POSTGRES_DB and POSTGRES_HOST_AUTH_METHOD.
set -euo pipefail

make_database() {
  local host_method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
  initdb --username=postgres --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 >/dev/null
  echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
  echo "host all all all $host_method" >>"$PGDATA/pg_hba.conf"
  # Single-user mode needs no server, so nothing can connect before the database is complete.
  if [ -n "${POSTGRES_PASSWORD:-}" ]; then
    printf "ALTER ROLE postgres PASSWORD '%s'\n" "${POSTGRES_PASSWORD//\'/\'\'}" | postgres --single -j postgres >/dev/null
  fi
  if [ -n "${POSTGRES_DB:-}" ] && [ "$POSTGRES_DB" != postgres ]; then
    printf 'CREATE DATABASE "%s"\n' "${POSTGRES_DB//\"/\"\"}" | postgres --single -j postgres >/dev/null
  fi
}

if [ "${1:-}" = postgres ] && [ "$(id -u)" = 0 ]; then
  install -d -o postgres -g postgres -m 0700 "$PGDATA"
  install -d -o postgres -g postgres -m 2775 /var/run/postgresql
  exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$0" "$@"
fi

if [ "${1:-}" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
  make_database
fi

exec "$@"
