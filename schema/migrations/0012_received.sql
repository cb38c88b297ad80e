-- Receipts by the time of receipt, for what is asked of a window: a table that is
-- sorted by the ids of events has to be read whole for every day, with FINAL.
--
-- A row is one event received at one time. Reading Kafka again, or a replay, gives
-- the same row; an event that its sender repeats was received again. what is
-- source, outcome and reason in one, because rows are grouped by one column of low
-- cardinality seven times as fast as by three.

CREATE TABLE IF NOT EXISTS {{table "received"}} {{onCluster}} (
    received_at DateTime64(3, 'UTC') CODEC(Delta, LZ4), source LowCardinality(String), event UInt64, version UInt64 CODEC(Delta, LZ4),
    is_deleted UInt8, outcome LowCardinality(String), what LowCardinality(String), facts UInt32
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (received_at, source, event);

CREATE MATERIALIZED VIEW IF NOT EXISTS {{table "received_receipts"}} {{onCluster}} TO {{table "received"}} AS
SELECT received_at, source, sipHash64(event_id) AS event, version, is_deleted, outcome, concat(source, '\t', outcome, '\t', reason) AS what, facts
FROM {{table "receipts"}};

-- In the order of time, so that FINAL finds parts that do not overlap.
INSERT INTO {{table "received"}} (received_at, source, event, version, is_deleted, outcome, what, facts)
SELECT received_at, source, sipHash64(event_id) AS event, version, is_deleted, outcome, concat(source, '\t', outcome, '\t', reason) AS what, facts
FROM {{table "receipts"}}
ORDER BY received_at
SETTINGS max_bytes_before_external_sort = 500000000;
