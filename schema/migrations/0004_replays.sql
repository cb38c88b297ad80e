-- Replays: history read again with a newer parser. The number of a replay is
-- part of the versions it writes. position is the next offset by partition, as
-- JSON; a replay without finished_at is continued there.

CREATE TABLE IF NOT EXISTS {{table "replays"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    replay UInt16, from_time DateTime64(3, 'UTC'), to_time Nullable(DateTime64(3, 'UTC')),
    started_at DateTime64(3, 'UTC'), finished_at Nullable(DateTime64(3, 'UTC')),
    position String, events UInt64, facts UInt64, ignored UInt64, dead UInt64
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (source, replay);

-- What a dead letter needs to be tried again as it came.
ALTER TABLE {{table "dead_letters"}} {{onCluster}} ADD COLUMN IF NOT EXISTS content_type LowCardinality(String) AFTER payload;
