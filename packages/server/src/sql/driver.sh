# Runs an SQL script with the client that the container has. What stands above these lines sets deckhand_client, _rows,
# _read_only, _names, _database and _database_name, and the two awk programs. The script is $2. Values of parameters are only in
# the environment: none is ever an argument, and none becomes SQL but as a literal.
deckhand_script=$2

deckhand_fail() {
  printf 'deckhand: %s\n' "$2" >&2
  exit "$1"
}

deckhand_has() { command -v "$1" >/dev/null 2>&1; }

# deckhand_given NAME...: the first that is set, itself or as the file NAME_FILE; its value is in deckhand_v.
deckhand_given() {
  for deckhand_n in "$@"; do
    eval "deckhand_v=\${$deckhand_n-} deckhand_p=\${${deckhand_n}_FILE-}"
    if [ -z "$deckhand_v" ] && [ -n "$deckhand_p" ] && [ -r "$deckhand_p" ]; then deckhand_v=$(cat "$deckhand_p"); fi
    if [ -n "$deckhand_v" ]; then return 0; fi
  done
  return 1
}

# deckhand_read NAME: the parameter's value is in deckhand_v; false when it was not given.
deckhand_read() { eval "deckhand_v=\${$1-}; [ -n \"\${$1+set}\" ]"; }

# deckhand_through PROGRAM COMMAND...: its output through awk; its exit code stays.
deckhand_through() {
  deckhand_has awk || deckhand_fail 127 "$deckhand_rows from this client needs awk in the container; table does not"
  deckhand_awk=$1
  shift
  exec 5>&1
  deckhand_status=$(
    exec 6>&1
    {
      "$@" 6>&-
      echo $? >&6
    } | LC_ALL=C awk -v id="$DECKHAND_EXECUTION_ID" -v form="$deckhand_rows" "$deckhand_awk" 6>&- >&5
  )
  exit "${deckhand_status:-1}"
}

deckhand_psql() {
  deckhand_given PGUSER POSTGRES_USER POSTGRESQL_USERNAME || deckhand_v=postgres
  export PGUSER="$deckhand_v" PGAPPNAME="${PGAPPNAME:-deckhand}" PGCLIENTENCODING="${PGCLIENTENCODING:-UTF8}"
  if deckhand_given PGPASSWORD POSTGRES_PASSWORD POSTGRESQL_PASSWORD; then export PGPASSWORD="$deckhand_v"; fi
  if deckhand_given deckhand_database PGDATABASE POSTGRES_DB POSTGRESQL_DATABASE; then export PGDATABASE="$deckhand_v"; fi
  # The server in this container may listen elsewhere than the client thinks.
  if [ -z "${PGHOST-}${PGPORT-}" ] && [ -r "${PGDATA-}/postmaster.pid" ]; then
    { for deckhand_n in 1 2 3; do read -r deckhand_v; done; read -r PGPORT; read -r PGHOST; } <"$PGDATA/postmaster.pid"
    if [ -n "$PGPORT" ] && [ -n "$PGHOST" ]; then export PGPORT PGHOST; else unset PGPORT PGHOST; fi
  fi
  # A query whose client is gone would go on; servers before version 14 do not know the setting.
  if [ -r "${PGDATA-}/PG_VERSION" ] && read -r deckhand_v <"$PGDATA/PG_VERSION" && [ "${deckhand_v%%.*}" -ge 14 ]; then
    export PGOPTIONS="${PGOPTIONS-} -c client_connection_check_interval=500"
  fi
  if [ -n "$deckhand_read_only" ]; then export PGOPTIONS="${PGOPTIONS-} -c default_transaction_read_only=on"; fi
  set -- psql -X -q -v ON_ERROR_STOP=1 -P pager=off
  for deckhand_n in $deckhand_names; do
    # psql takes the text from a command's output, less one line's end, and interprets nothing of it.
    if deckhand_read "$deckhand_n"; then set -- "$@" -c "\\set $deckhand_n \`printf '%s\\n' \"\$$deckhand_n\"\`"; fi
  done
  case $deckhand_rows in
    csv) exec "$@" --csv -f "$deckhand_script" ;;
    json)
      # Each mark holds the execution's id, so that no value can look like one.
      set -- "$@" -A -P footer=off -P "title=$(printf '\036T%s' "$DECKHAND_EXECUTION_ID")"
      set -- "$@" -P "recordsep=$(printf '\036R%s' "$DECKHAND_EXECUTION_ID")"
      set -- "$@" -P "fieldsep=$(printf '\036F%s' "$DECKHAND_EXECUTION_ID")"
      set -- "$@" -P "null=$(printf '\036N%s' "$DECKHAND_EXECUTION_ID")"
      deckhand_through "$deckhand_marked_rows" "$@" -f "$deckhand_script"
      ;;
    *) exec "$@" -f "$deckhand_script" ;;
  esac
}

# deckhand_with_values COMMAND...: the parameters as variables, then the script, into one client. The values stand in the
# script's first line, so that the lines that errors name are the script's.
deckhand_with_values() {
  {
    for deckhand_n in $deckhand_names; do
      if deckhand_read "$deckhand_n"; then
        deckhand_v=$(printf %s "$deckhand_v" | od -An -v -tx1 | tr -d ' \n')
        printf "SET @%s=CONVERT(X'%s' USING utf8mb4);" "$deckhand_n" "$deckhand_v"
      fi
    done
    cat "$deckhand_script"
  } | "$@"
}

deckhand_mysql() {
  if deckhand_has mariadb; then set -- mariadb; else set -- mysql; fi
  if [ -n "$deckhand_names" ]; then deckhand_has od || deckhand_fail 127 "parameters for $1 need od in the container"; fi
  set -- "$@" --no-auto-rehash --default-character-set=utf8mb4
  if deckhand_given MYSQL_USER MARIADB_USER; then deckhand_user=$deckhand_v; else deckhand_user=root; fi
  deckhand_by="MYSQL_PASSWORD MARIADB_PASSWORD"
  if [ "$deckhand_user" = root ]; then deckhand_by="MYSQL_ROOT_PASSWORD MARIADB_ROOT_PASSWORD"; fi
  # shellcheck disable=SC2086 # two names
  if deckhand_given MYSQL_PWD $deckhand_by; then export MYSQL_PWD="$deckhand_v"; fi
  set -- "$@" "--user=$deckhand_user"
  if [ -n "$deckhand_read_only" ]; then set -- "$@" "--init-command=SET SESSION TRANSACTION READ ONLY"; fi
  if deckhand_given deckhand_database MYSQL_DATABASE MARIADB_DATABASE; then set -- "$@" "--database=$deckhand_v"; fi
  case $deckhand_rows in
    table) deckhand_with_values "$@" --table ;;
    *) deckhand_through "$deckhand_xml_rows" deckhand_with_values "$@" --quick --xml ;;
  esac
  exit
}

# The value of a parameter as an SQL literal: what the client would change in a line is put in by SQL.
deckhand_literal() {
  deckhand_v=$(printf '%sx\n' "$1" | LC_ALL=C sed "s/%/%25/g; s/$(printf '\r')/%0D/g; s/'/''/g")
  printf "replace(replace('%s','%%0D',char(13)),'%%25','%%')" "${deckhand_v%x}"
}

deckhand_sqlite3() {
  deckhand_given deckhand_database SQLITE_DATABASE || deckhand_fail 78 "say which file: @database or --database, or SQLITE_DATABASE in the container"
  deckhand_file=$deckhand_v
  case $deckhand_file in /* | :memory:) ;; *) deckhand_file=./$deckhand_file ;; esac
  [ "$deckhand_file" = :memory: ] || [ -f "$deckhand_file" ] || deckhand_fail 66 "there is no file $deckhand_v"
  set -- sqlite3 -batch -bail -header
  case $deckhand_rows in
    csv) set -- "$@" -csv ;;
    json) set -- "$@" -json ;;
    *) set -- "$@" -table ;;
  esac
  if [ -n "$deckhand_read_only" ]; then
    set -- "$@" -readonly
    if sqlite3 -safe :memory: 'select 1' >/dev/null 2>&1; then set -- "$@" -safe; fi
  fi
  {
    printf '.timeout 5000\n'
    if [ "$deckhand_rows" = csv ]; then printf '.separator "," "\\n"\n'; fi
    printf '.parameter init\n'
    for deckhand_n in $deckhand_names; do
      if deckhand_read "$deckhand_n"; then
        printf "INSERT INTO temp.sqlite_parameters VALUES(':%s',%s);\n" "$deckhand_n" "$(deckhand_literal "$deckhand_v")"
      fi
    done
  } | "$@" -init /dev/fd/9 "$deckhand_file" 9<&0 <"$deckhand_script"
  exit
}

deckhand_has_mysql() { deckhand_has mariadb || deckhand_has mysql; }

# By the database's name, by the environment, then by what there is.
deckhand_pick() {
  case $deckhand_database in
    /* | ./* | *.db | *.sqlite | *.sqlite3 | :memory:) if deckhand_has sqlite3; then deckhand_client=sqlite3; return; fi ;;
  esac
  if deckhand_has psql && deckhand_given PGDATA PGHOST PGDATABASE POSTGRES_USER POSTGRES_PASSWORD POSTGRES_DB POSTGRESQL_PASSWORD; then
    deckhand_client=psql
  elif deckhand_has_mysql && deckhand_given MYSQL_ROOT_PASSWORD MARIADB_ROOT_PASSWORD MYSQL_USER MARIADB_USER MYSQL_DATABASE MARIADB_DATABASE; then
    deckhand_client=mysql
  elif deckhand_has psql; then
    deckhand_client=psql
  elif deckhand_has_mysql; then
    deckhand_client=mysql
  elif deckhand_has sqlite3; then
    deckhand_client=sqlite3
  else
    deckhand_fail 127 "the container has no SQL client: psql, mariadb, mysql and sqlite3 were tried"
  fi
}

if [ -n "$deckhand_database_name" ]; then
  deckhand_read "$deckhand_database_name" || deckhand_fail 78 "the parameter $deckhand_database_name names the database and was not given"
  deckhand_database=$deckhand_v
fi
if [ "$deckhand_client" = auto ]; then deckhand_pick; fi
case $deckhand_client in
  mysql) deckhand_has_mysql || deckhand_fail 127 "the container has neither mariadb nor mysql" ;;
  *) deckhand_has "$deckhand_client" || deckhand_fail 127 "the container has no $deckhand_client" ;;
esac
"deckhand_$deckhand_client"
