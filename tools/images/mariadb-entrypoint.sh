#!/bin/sh
# Sets up the accounts that the environment names and then becomes MariaDB, which is PID 1 as in the usual images. The system
# tables are in the image already. Of the usual settings it knows MARIADB_ROOT_PASSWORD, MARIADB_USER, MARIADB_PASSWORD and
# MARIADB_DATABASE.
set -eu

install -d -o mysql -g mysql /run/mysqld
quoted() { printf "'%s'" "$(printf %s "$1" | sed "s/['\\\\]/\\\\&/g")"; }

{
  if [ -n "${MARIADB_DATABASE-}" ]; then
    printf 'CREATE DATABASE IF NOT EXISTS `%s` CHARACTER SET utf8mb4;\n' "$MARIADB_DATABASE"
  fi
  if [ -n "${MARIADB_USER-}" ]; then
    user="$(quoted "$MARIADB_USER")@'%'"
    printf 'CREATE USER IF NOT EXISTS %s IDENTIFIED BY %s;\n' "$user" "$(quoted "${MARIADB_PASSWORD-}")"
    printf 'GRANT ALL ON `%s`.* TO %s;\n' "${MARIADB_DATABASE:-%}" "$user"
  fi
  if [ -n "${MARIADB_ROOT_PASSWORD-}" ]; then
    printf 'ALTER USER root@localhost IDENTIFIED BY %s;\n' "$(quoted "$MARIADB_ROOT_PASSWORD")"
  fi
} >/run/mysqld/accounts.sql
exec "$@" --init-file=/run/mysqld/accounts.sql
