-- @deckhand 1
-- @title       Slow queries
-- @about       What has been running for longer than a while, the oldest first,
--              with what it waits for. This query itself is left out.
-- @tags        postgres report
-- @on          label=role=db
-- @interpreter psql -X -q -v ON_ERROR_STOP=1
-- @user        postgres
-- @timeout     1m
-- @effect      read
-- @param       MIN_MS int(0..86400000) = 500 -- only queries that run for longer than this
-- @param       OWNER  string(1..63)?         -- only those of this role; without it, all
-- @example     deckhand run db/slow_queries --on label=role=db MIN_MS=1000
\if :{?OWNER}
\else
  \set OWNER ''
\endif
SELECT pid,
       usename AS owner,
       state,
       date_trunc('milliseconds', now() - query_start) AS running_for,
       coalesce(wait_event_type || ':' || wait_event, '') AS waits_for,
       left(regexp_replace(query, '\s+', ' ', 'g'), 80) AS query
FROM pg_stat_activity
WHERE state <> 'idle'
  AND pid <> pg_backend_pid()
  AND :'OWNER' IN ('', usename)
  AND now() - query_start > make_interval(secs => :MIN_MS / 1000.0)
ORDER BY query_start;
