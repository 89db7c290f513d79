/** The database clients that the interpreter `sql` knows; `mysql` is MariaDB's as well. */
export const SQL_CLIENTS = ["psql", "mysql", "sqlite3"] as const;
export type SqlClient = (typeof SQL_CLIENTS)[number];
