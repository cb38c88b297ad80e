-- Uses, requests and tickets are asked of a window of time, mostly of one capability
-- or type: sorted so, a query reads what it needs, and FINAL finds that new parts
-- hardly overlap with old ones. A correction that moves a row in this order leaves a
-- tombstone where it was. The pipeline fills the tables again, because of the new
-- number of the definition below.

DROP TABLE IF EXISTS {{table "resolved_uses"}} {{onCluster}} SYNC;

DROP TABLE IF EXISTS {{table "resolved_requests"}} {{onCluster}} SYNC;

DROP TABLE IF EXISTS {{table "resolved_tickets"}} {{onCluster}} SYNC;

CREATE TABLE IF NOT EXISTS {{table "resolved_uses"}} {{onCluster}} (
    use_id String, capability_id LowCardinality(String), at DateTime64(3, 'UTC'), action LowCardinality(String), qualifying UInt8, url String,
    source LowCardinality(String), service_id LowCardinality(String), team_id LowCardinality(String), version UInt64, is_deleted UInt8,
    INDEX by_id use_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (capability_id, at, use_id);

CREATE TABLE IF NOT EXISTS {{table "resolved_requests"}} {{onCluster}} (
    request_id String, capability_id LowCardinality(String), template LowCardinality(String), channel LowCardinality(String),
    status LowCardinality(String), dry_run UInt8, human_steps UInt32, created_at DateTime64(3, 'UTC'), completed_at Nullable(DateTime64(3, 'UTC')),
    minutes_saved Float64, url String, service_id LowCardinality(String), team_id LowCardinality(String), version UInt64, is_deleted UInt8,
    INDEX by_id request_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (created_at, request_id);

CREATE TABLE IF NOT EXISTS {{table "resolved_tickets"}} {{onCluster}} (
    ticket_id String, project LowCardinality(String), type LowCardinality(String), category LowCardinality(String), theme LowCardinality(String),
    title String, status LowCardinality(String), capability_id LowCardinality(String), created_at DateTime64(3, 'UTC'),
    first_response_at Nullable(DateTime64(3, 'UTC')), resolved_at Nullable(DateTime64(3, 'UTC')), reopened UInt32, url String,
    service_id LowCardinality(String), team_id LowCardinality(String), version UInt64, is_deleted UInt8,
    INDEX by_id ticket_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (type, created_at, ticket_id);

-- When a team first and last used a capability in each block of 28 days. Whether it
-- used it in the 28 days before an instant follows exactly: between two uses of a block there are
-- never more than 28 days, so the instants that have a use behind them are one span.
CREATE VIEW IF NOT EXISTS {{table "owned_use_blocks"}} {{onCluster}} AS
SELECT capability_id, toUInt32(intDiv(toUnixTimestamp64Milli(at), 2419200000)) AS block, team_id, min(at) AS first, max(at) AS last
FROM {{table "resolved_uses"}} FINAL
WHERE qualifying = 1
GROUP BY capability_id, block, team_id;

CREATE TABLE IF NOT EXISTS {{table "resolved_use_blocks"}} {{onCluster}} (
    capability_id LowCardinality(String), block UInt32, team_id LowCardinality(String),
    first DateTime64(3, 'UTC'), last DateTime64(3, 'UTC'), version UInt64, is_deleted UInt8
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (capability_id, block, team_id);

-- The times for which a team owned a service of the catalogue: [owned_from, owned_to).
-- Every panel of capabilities asks for them.
CREATE VIEW IF NOT EXISTS {{table "owned_team_services"}} {{onCluster}} AS
SELECT owner.2 AS team_id, service_id, owner.1 AS owned_from, owner.3 AS owned_to
FROM (
    SELECT service_id, arrayJoin(arrayMap((o, i) -> (
            if(i = 1, toDateTime64('1970-01-01 00:00:00', 3, 'UTC'), o.1), o.2,
            if(i = length(owners), toDateTime64('2200-01-01 00:00:00', 3, 'UTC'), owners[i + 1].1)),
        owners, arrayEnumerate(owners))) AS owner
    FROM {{table "service_owners"}}
    WHERE service_id IN (SELECT service_id FROM {{table "services"}} FINAL)
)
WHERE owner.2 != '';

CREATE TABLE IF NOT EXISTS {{table "resolved_team_services"}} {{onCluster}} (
    team_id String, service_id String, owned_from DateTime64(3, 'UTC'), owned_to DateTime64(3, 'UTC'), version UInt64, is_deleted UInt8
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (service_id, owned_from);

DROP VIEW IF EXISTS {{table "team_services"}} {{onCluster}} SYNC;

-- The two origins of merges apart, as in 0013: whoever asks for the spans of one
-- repository or service need not have the other's planned, which took longer than reading them.
CREATE VIEW IF NOT EXISTS {{table "repo_merges"}} {{onCluster}} AS
SELECT toString(c.repo) AS id, o.owners[greatest(1, arrayCount(x -> x.1 <= c.merged, o.owners))].2 AS team_id, c.merged AS merged_at
FROM (
    SELECT repo, assumeNotNull(merged_at) AS merged FROM {{table "changes"}} FINAL
    WHERE state = 'merged' AND merged_at IS NOT NULL AND author_is_bot = 0
) AS c
INNER JOIN (
    SELECT s.repo AS repo, w.owners AS owners
    FROM (SELECT repo, arrayJoin(arrayFilter(x -> empty(x.1), services)).2 AS service_id FROM {{table "repo_services"}}) AS s
    INNER JOIN {{table "service_owners"}} AS w ON w.service_id = s.service_id
) AS o ON o.repo = c.repo;

CREATE VIEW IF NOT EXISTS {{table "service_merges"}} {{onCluster}} AS
SELECT toString(service_id) AS id, toString(team_id) AS team_id, ifNull(merged_at, deployed_at) AS merged_at
FROM {{table "changes_deployed"}} FINAL
WHERE change_id NOT IN (SELECT change_id FROM {{table "changes"}} FINAL WHERE author_is_bot = 1);

CREATE VIEW IF NOT EXISTS {{table "repo_merge_spans"}} {{onCluster}} AS
SELECT id, arraySort(groupArrayArray(arrayZip(arrayResize([team_id], length(spans), team_id), arrayMap(s -> s.1, spans), arrayMap(s -> s.2, spans)))) AS spans
FROM (
    SELECT id, team_id, arraySort(groupArray(merged_at)) AS merged,
        arrayZip(
            arrayFilter((x, p) -> x > addDays(p, 90), merged, arrayPushFront(arrayPopBack(merged), toDateTime64(0, 3, 'UTC'))),
            arrayMap(x -> addDays(x, 90), arrayFilter((x, n) -> n > addDays(x, 90), merged, arrayPushBack(arrayPopFront(merged), toDateTime64('2299-01-01 00:00:00', 3, 'UTC'))))) AS spans
    FROM {{table "repo_merges"}}
    WHERE team_id != ''
    GROUP BY id, team_id
)
GROUP BY id;

CREATE VIEW IF NOT EXISTS {{table "service_merge_spans"}} {{onCluster}} AS
SELECT id, arraySort(groupArrayArray(arrayZip(arrayResize([team_id], length(spans), team_id), arrayMap(s -> s.1, spans), arrayMap(s -> s.2, spans)))) AS spans
FROM (
    SELECT id, team_id, arraySort(groupArray(merged_at)) AS merged,
        arrayZip(
            arrayFilter((x, p) -> x > addDays(p, 90), merged, arrayPushFront(arrayPopBack(merged), toDateTime64(0, 3, 'UTC'))),
            arrayMap(x -> addDays(x, 90), arrayFilter((x, n) -> n > addDays(x, 90), merged, arrayPushBack(arrayPopFront(merged), toDateTime64('2299-01-01 00:00:00', 3, 'UTC'))))) AS spans
    FROM {{table "service_merges"}}
    WHERE team_id != ''
    GROUP BY id, team_id
)
GROUP BY id;

CREATE OR REPLACE VIEW {{table "owned_merge_spans"}} {{onCluster}} AS
SELECT 'repo' AS origin, id, spans FROM {{table "repo_merge_spans"}}
UNION ALL
SELECT 'service', id, spans FROM {{table "service_merge_spans"}};

DROP VIEW IF EXISTS {{table "team_merges"}} {{onCluster}} SYNC;

-- As in 0011. Two joins in a row, of which the second compares what the first may
-- have replaced, are compared row by row: with 10,000 people that took four seconds.
CREATE OR REPLACE VIEW {{table "actor_teams"}} {{onCluster}} AS
SELECT i.ref AS ref, m.teams AS teams
FROM {{table "ref_people"}} AS i
INNER JOIN (
    SELECT person_id, arrayReverseSort(groupArray((valid_from, ifNull(valid_to, toDateTime64('2200-01-01 00:00:00', 3, 'UTC')), team_id))) AS teams
    FROM {{table "person_teams"}}
    GROUP BY person_id
) AS m ON m.person_id = i.person_id;

CREATE OR REPLACE VIEW {{table "meanings"}} {{onCluster}} AS
SELECT 'service' AS kind, r.ref AS name, cityHash64(r.service_id, o.owners) AS meaning
FROM (
    SELECT ref, service_id, service_id AS owned FROM {{table "service_refs"}}
    UNION ALL
    SELECT service_id, '', service_id FROM {{table "service_owners"}} WHERE service_id NOT IN (SELECT ref FROM {{table "service_refs"}})
) AS r
LEFT JOIN {{table "service_owners"}} AS o ON o.service_id = r.owned
UNION ALL
SELECT 'team', ref, cityHash64(team_id) FROM {{table "team_refs"}}
UNION ALL
SELECT 'actor', ref, cityHash64(teams) FROM {{table "actor_teams"}}
UNION ALL
SELECT 'workload', w.workload, cityHash64(w.service_id, o.owners)
FROM {{table "workload_services"}} AS w
LEFT JOIN {{table "service_owners"}} AS o ON o.service_id = w.service_id
UNION ALL
SELECT 'repo', s.repo, cityHash64(arraySort(groupArray((s.service.1, s.service.2, o.owners))))
FROM (SELECT repo, arrayJoin(services) AS service FROM {{table "repo_services"}}) AS s
LEFT JOIN {{table "service_owners"}} AS o ON o.service_id = s.service.2
GROUP BY s.repo
UNION ALL
SELECT 'definition', '', toUInt64(2);

-- Also when this runs a second time, beside a pipeline that has filled the tables.
INSERT INTO {{table "applied_meanings"}} (kind, name, meaning, version, is_deleted)
SELECT kind, name, meaning, version + 1, 1 FROM {{table "applied_meanings"}} FINAL WHERE kind = 'definition';
