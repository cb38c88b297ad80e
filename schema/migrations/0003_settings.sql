-- Settings that queries need: the reporting time zone ("timezone"), the name of
-- the organisation ("organisation"), whether the data is a sample ("sample": 0 or 1).

CREATE TABLE IF NOT EXISTS {{table "settings"}} {{onCluster}} (
    key String, value String, version UInt64
) ENGINE = {{replacing "version"}} ORDER BY (key);
