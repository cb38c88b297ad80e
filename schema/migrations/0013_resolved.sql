-- Whose a fact is, kept by the pipeline. The views owned_… say it anew whenever
-- they are asked, which takes seconds over millions of facts; the tables
-- resolved_… hold what they say. A table's columns are its view's in the view's
-- order, then version and is_deleted; its key is that of the facts.

-- A person's team is that at the time of the act: before the first membership the
-- first counts, after the end of one none does until the next begins.
CREATE OR REPLACE VIEW {{table "ref_teams"}} {{onCluster}} AS
SELECT a.ref AS ref, if(always, a.teams[1].3, '') AS team, if(always, [], a.teams) AS teams,
    length(a.teams) = 1 AND a.teams[1].3 != '' AND a.teams[1].2 >= toDateTime64('2200-01-01 00:00:00', 3, 'UTC') AS always
FROM {{table "actor_teams"}} AS a;

CREATE OR REPLACE VIEW {{table "owned_uses"}} {{onCluster}} AS
SELECT u.use_id AS use_id, u.capability_id AS capability_id, u.at AS at, u.action AS action, u.qualifying AS qualifying, u.url AS url,
    u.source AS source,
    if(o.service_id != '', o.service_id, u.service_ref) AS service_id,
    multiIf(u.team_ref != '', multiIf(t.team_id != '', t.team_id, l.team_id != '', l.team_id, u.team_ref),
        a.team != '', a.team,
        arrayExists(m -> m.1 <= u.at AND u.at < m.2, a.teams), arrayFirst(m -> m.1 <= u.at AND u.at < m.2, a.teams).3,
        notEmpty(a.teams) AND u.at < a.teams[-1].1, a.teams[-1].3,
        empty(o.owners), o.owner, o.owners[greatest(1, arrayCount(x -> x.1 <= u.at, o.owners))].2) AS team_id
FROM (SELECT * FROM {{table "capability_uses"}} FINAL) AS u
LEFT JOIN {{table "ref_owners"}} AS o ON o.ref = u.service_ref
LEFT JOIN {{table "team_refs"}} AS t ON t.ref = u.team_ref
LEFT JOIN {{table "team_refs"}} AS l ON l.ref = substringIndex(replaceAll(lower(u.team_ref), ':', '/'), '/', -1)
LEFT JOIN {{table "ref_teams"}} AS a ON a.ref = u.actor;

CREATE OR REPLACE VIEW {{table "owned_requests"}} {{onCluster}} AS
SELECT r.request_id AS request_id, r.capability_id AS capability_id, r.template AS template, r.channel AS channel, r.status AS status,
    r.dry_run AS dry_run, r.human_steps AS human_steps, r.created_at AS created_at, r.completed_at AS completed_at,
    r.minutes_saved AS minutes_saved, r.url AS url,
    if(o.service_id != '', o.service_id, r.service_ref) AS service_id,
    multiIf(r.team_ref != '', multiIf(t.team_id != '', t.team_id, l.team_id != '', l.team_id, r.team_ref),
        a.team != '', a.team,
        arrayExists(m -> m.1 <= r.created_at AND r.created_at < m.2, a.teams), arrayFirst(m -> m.1 <= r.created_at AND r.created_at < m.2, a.teams).3,
        notEmpty(a.teams) AND r.created_at < a.teams[-1].1, a.teams[-1].3,
        empty(o.owners), o.owner, o.owners[greatest(1, arrayCount(x -> x.1 <= r.created_at, o.owners))].2) AS team_id
FROM (SELECT * FROM {{table "requests"}} FINAL) AS r
LEFT JOIN {{table "ref_owners"}} AS o ON o.ref = r.service_ref
LEFT JOIN {{table "team_refs"}} AS t ON t.ref = r.team_ref
LEFT JOIN {{table "team_refs"}} AS l ON l.ref = substringIndex(replaceAll(lower(r.team_ref), ':', '/'), '/', -1)
LEFT JOIN {{table "ref_teams"}} AS a ON a.ref = r.actor;

CREATE TABLE IF NOT EXISTS {{table "resolved_uses"}} {{onCluster}} (
    use_id String, capability_id LowCardinality(String), at DateTime64(3, 'UTC'), action LowCardinality(String), qualifying UInt8, url String,
    source LowCardinality(String), service_id LowCardinality(String), team_id LowCardinality(String), version UInt64, is_deleted UInt8
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (use_id);

CREATE TABLE IF NOT EXISTS {{table "resolved_requests"}} {{onCluster}} (
    request_id String, capability_id LowCardinality(String), template LowCardinality(String), channel LowCardinality(String),
    status LowCardinality(String), dry_run UInt8, human_steps UInt32, created_at DateTime64(3, 'UTC'), completed_at Nullable(DateTime64(3, 'UTC')),
    minutes_saved Float64, url String, service_id LowCardinality(String), team_id LowCardinality(String), version UInt64, is_deleted UInt8
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (request_id);

CREATE TABLE IF NOT EXISTS {{table "resolved_tickets"}} {{onCluster}} (
    ticket_id String, project LowCardinality(String), type LowCardinality(String), category LowCardinality(String), theme LowCardinality(String),
    title String, status LowCardinality(String), capability_id LowCardinality(String), created_at DateTime64(3, 'UTC'),
    first_response_at Nullable(DateTime64(3, 'UTC')), resolved_at Nullable(DateTime64(3, 'UTC')), reopened UInt32, url String,
    service_id LowCardinality(String), team_id LowCardinality(String), version UInt64, is_deleted UInt8
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (ticket_id);

CREATE TABLE IF NOT EXISTS {{table "resolved_workloads"}} {{onCluster}} (
    workload_id String, day DateTime64(3, 'UTC'), cluster LowCardinality(String), namespace String, name String, kind LowCardinality(String),
    environment LowCardinality(String), tier LowCardinality(String), on_platform LowCardinality(String), platform_owned UInt8, url String,
    service_id LowCardinality(String), team_id LowCardinality(String), version UInt64, is_deleted UInt8
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (day, workload_id);

CREATE TABLE IF NOT EXISTS {{table "resolved_policy_results"}} {{onCluster}} (
    result_id String, day DateTime64(3, 'UTC'), at DateTime64(3, 'UTC'), tool LowCardinality(String), policy LowCardinality(String),
    rule LowCardinality(String), category LowCardinality(String), severity LowCardinality(String), outcome LowCardinality(String), message String,
    cluster LowCardinality(String), resource String, url String, service_id LowCardinality(String), team_id LowCardinality(String),
    version UInt64, is_deleted UInt8
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (day, result_id);

CREATE TABLE IF NOT EXISTS {{table "resolved_costs"}} {{onCluster}} (
    cost_id String, day DateTime64(3, 'UTC'), amount Float64, currency LowCardinality(String), category LowCardinality(String),
    cluster LowCardinality(String), workload String, url String, service_id LowCardinality(String), team_id LowCardinality(String),
    version UInt64, is_deleted UInt8
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (day, cost_id);

-- The days of which each cluster has an inventory.
CREATE VIEW IF NOT EXISTS {{table "owned_snapshots"}} {{onCluster}} AS
SELECT DISTINCT day, cluster FROM {{table "workloads"}} FINAL;

CREATE TABLE IF NOT EXISTS {{table "resolved_snapshots"}} {{onCluster}} (
    day DateTime64(3, 'UTC'), cluster LowCardinality(String), version UInt64, is_deleted UInt8
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (day, cluster);

-- "namespace/name" → the service's name in the last inventory that has one, in the
-- sender's words.
CREATE VIEW IF NOT EXISTS {{table "owned_workload_names"}} {{onCluster}} AS
SELECT concat(namespace, '/', name) AS workload, argMax(service_ref, (day, workload_id)) AS service_ref
FROM (SELECT namespace, name, service_ref, day, workload_id FROM {{table "workloads"}} FINAL WHERE service_ref != '')
GROUP BY workload;

CREATE TABLE IF NOT EXISTS {{table "resolved_workload_names"}} {{onCluster}} (
    workload String, service_ref String, version UInt64, is_deleted UInt8
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (workload);

CREATE OR REPLACE VIEW {{table "workload_services"}} {{onCluster}} AS
SELECT w.workload AS workload, if(s.service_id != '', s.service_id, w.service_ref) AS service_id
FROM (SELECT workload, service_ref FROM {{table "resolved_workload_names"}} FINAL) AS w
LEFT JOIN {{table "service_refs"}} AS s ON s.ref = w.service_ref;

-- When people's changes were merged, by team, and what says so: a repository
-- ("repo"), under each of its names, of a service, or a service that the change was deployed for
-- ("service"). A change that is deployed too may be there twice. A change of a
-- repository whose services have paths of their own counts once it is deployed,
-- because only then is its service known.
CREATE OR REPLACE VIEW {{table "team_merges"}} {{onCluster}} AS
SELECT 'repo' AS origin, toString(c.repo) AS id, o.owners[greatest(1, arrayCount(x -> x.1 <= c.merged, o.owners))].2 AS team_id, c.merged AS merged_at
FROM (
    SELECT repo, assumeNotNull(merged_at) AS merged FROM {{table "changes"}} FINAL
    WHERE state = 'merged' AND merged_at IS NOT NULL AND author_is_bot = 0
) AS c
INNER JOIN (
    SELECT s.repo AS repo, w.owners AS owners
    FROM (SELECT repo, arrayJoin(arrayFilter(x -> empty(x.1), services)).2 AS service_id FROM {{table "repo_services"}}) AS s
    INNER JOIN {{table "service_owners"}} AS w ON w.service_id = s.service_id
) AS o ON o.repo = c.repo
UNION ALL
SELECT 'service', toString(service_id), toString(team_id), ifNull(merged_at, deployed_at) AS merged_at
FROM {{table "changes_deployed"}} FINAL
WHERE change_id NOT IN (SELECT change_id FROM {{table "changes"}} FINAL WHERE author_is_bot = 1);

-- The spans (team, after, until] of which every instant has a merge of the team in
-- the 90 days before it.
CREATE VIEW IF NOT EXISTS {{table "owned_merge_spans"}} {{onCluster}} AS
SELECT origin, id, arraySort(groupArrayArray(arrayZip(arrayResize([team_id], length(spans), team_id), arrayMap(s -> s.1, spans), arrayMap(s -> s.2, spans)))) AS spans
FROM (
    SELECT origin, id, team_id, arraySort(groupArray(merged_at)) AS merged,
        arrayZip(
            arrayFilter((x, p) -> x > addDays(p, 90), merged, arrayPushFront(arrayPopBack(merged), toDateTime64(0, 3, 'UTC'))),
            arrayMap(x -> addDays(x, 90), arrayFilter((x, n) -> n > addDays(x, 90), merged, arrayPushBack(arrayPopFront(merged), toDateTime64('2299-01-01 00:00:00', 3, 'UTC'))))) AS spans
    FROM {{table "team_merges"}}
    WHERE team_id != ''
    GROUP BY origin, id, team_id
)
GROUP BY origin, id;

CREATE TABLE IF NOT EXISTS {{table "resolved_merge_spans"}} {{onCluster}} (
    origin LowCardinality(String), id String, spans Array(Tuple(String, DateTime64(3, 'UTC'), DateTime64(3, 'UTC'))), version UInt64, is_deleted UInt8
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (origin, id);

-- What the names in facts mean, as a hash of the meaning, and the definitions of
-- the views above as a number that grows with them.
CREATE VIEW IF NOT EXISTS {{table "meanings"}} {{onCluster}} AS
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
SELECT 'definition', '', toUInt64(1);

-- The meanings that the tables resolved_… were last brought in line with.
CREATE TABLE IF NOT EXISTS {{table "applied_meanings"}} {{onCluster}} (
    kind LowCardinality(String), name String, meaning UInt64, version UInt64, is_deleted UInt8
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (kind, name);

-- Each line of an inventory with when its service, or itself, was last scanned
-- until the end of that day; 1970 when it never was.
CREATE OR REPLACE VIEW {{table "scanned_workloads"}} {{onCluster}} AS
SELECT w.workload_id AS workload_id, w.day AS day, w.cluster AS cluster, w.namespace AS namespace, w.name AS name, w.tier AS tier,
    w.url AS url, w.service_id AS service_id, w.team_id AS team_id, greatest(w.service_scanned, k.at) AS scanned_at
FROM (
    SELECT w.workload_id AS workload_id, w.day AS day, w.cluster AS cluster, w.namespace AS namespace, w.name AS name, w.tier AS tier,
        w.url AS url, w.service_id AS service_id, w.team_id AS team_id, concat(w.namespace, '/', w.name) AS workload, w.until AS until,
        s.at AS service_scanned
    FROM (SELECT *, addDays(day, 1) AS until FROM {{table "resolved_workloads"}} FINAL) AS w
    ASOF LEFT JOIN (SELECT service_id, at FROM {{table "owned_scans"}} WHERE service_id != '') AS s ON s.service_id = w.service_id AND w.until > s.at
) AS w
ASOF LEFT JOIN (SELECT workload, at FROM {{table "owned_scans"}} WHERE workload != '') AS k ON k.workload = w.workload AND w.until > k.at;
