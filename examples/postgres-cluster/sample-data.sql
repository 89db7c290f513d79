-- @deckhand 1
-- @title       Sample tables
-- @about       Two small tables with some dead rows, so that there is something to clean and to measure.
--              Does nothing where they are there already.
-- @tags        postgres demo
-- @interpreter psql -X -q -v ON_ERROR_STOP=1
-- @user        postgres
-- @timeout     1m
-- @effect      write
SELECT to_regclass('public.orders') IS NOT NULL AS filled \gset
\if :filled
  \quit
\endif
BEGIN;
CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL, joined_at timestamptz NOT NULL);
CREATE TABLE orders (id int PRIMARY KEY, user_id int NOT NULL REFERENCES users, total numeric(10, 2) NOT NULL);
INSERT INTO users SELECT n, 'user ' || n, now() - n * interval '1 hour' FROM generate_series(1, 2000) AS n;
INSERT INTO orders SELECT n, 1 + n % 2000, (n % 997) / 7.0 FROM generate_series(1, 20000) AS n;
COMMIT;
DELETE FROM orders WHERE id % 5 = 0;
UPDATE users SET name = upper(name) WHERE id % 3 = 0;
