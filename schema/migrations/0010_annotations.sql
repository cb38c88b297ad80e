-- What dashboards mark in time: from when on a metric follows another version of
-- its definition. An empty metric stands for all.

CREATE TABLE IF NOT EXISTS {{table "annotations"}} {{onCluster}} (
    at DateTime64(3, 'UTC'), metric LowCardinality(String), version UInt32, title String, text String
) ENGINE = {{mergeTree}} ORDER BY (at, metric);
