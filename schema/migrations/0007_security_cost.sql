-- Findings, scans, results of policies, and costs. Facts stay in their sender's
-- words; the views at the end say which service and team they are of.

CREATE TABLE IF NOT EXISTS {{table "findings"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    finding_id String, fingerprint String, kind LowCardinality(String), tool LowCardinality(String), rule String, title String,
    severity LowCardinality(String), package String, path String, target String, repo String, workload String,
    service_ref String, team_ref String, report String, state LowCardinality(String), reason LowCardinality(String),
    opened_at Nullable(DateTime64(3, 'UTC')), seen_at DateTime64(3, 'UTC'), closed_at Nullable(DateTime64(3, 'UTC'))
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (finding_id);

CREATE TABLE IF NOT EXISTS {{table "finding_starts"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    finding_id String, at DateTime64(3, 'UTC')
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (finding_id);

CREATE TABLE IF NOT EXISTS {{table "scans"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    scan_id String, at DateTime64(3, 'UTC'), tool LowCardinality(String), report String, target String, repo String,
    workload String, service_ref String
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (scan_id);

CREATE TABLE IF NOT EXISTS {{table "policy_results"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    result_id String, day DateTime64(3, 'UTC'), at DateTime64(3, 'UTC'), tool LowCardinality(String), policy LowCardinality(String),
    rule LowCardinality(String), category LowCardinality(String), severity LowCardinality(String), outcome LowCardinality(String),
    message String, cluster LowCardinality(String), resource String, workload String, service_ref String, team_ref String
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (day, result_id);

CREATE TABLE IF NOT EXISTS {{table "costs"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    cost_id String, day DateTime64(3, 'UTC'), amount Float64, currency LowCardinality(String), category LowCardinality(String),
    cluster LowCardinality(String), workload String, service_ref String, team_ref String
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (day, cost_id);

-- "namespace/name" → service, as the last inventory says that names one.
CREATE VIEW IF NOT EXISTS {{table "workload_services"}} {{onCluster}} AS
SELECT concat(w.namespace, '/', w.name) AS workload,
    argMax(if(s.service_id != '', s.service_id, w.service_ref), (w.day, w.workload_id)) AS service_id
FROM (SELECT namespace, name, service_ref, day, workload_id FROM {{table "workloads"}} FINAL WHERE service_ref != '') AS w
LEFT JOIN {{table "service_refs"}} AS s ON s.ref = w.service_ref
GROUP BY workload;

-- The services of a repository as (paths, service), those with paths of their own
-- first.
CREATE VIEW IF NOT EXISTS {{table "repo_services"}} {{onCluster}} AS
SELECT repo, arraySort(x -> (empty(x.1), x.2), groupArray((paths, service_id))) AS services
FROM {{table "services"}} FINAL
WHERE repo != ''
GROUP BY repo;

-- The services that a scan covers: the one that it names, else all of its
-- repository, else that of its workload. A repository without a service in the
-- catalogue is one of its own.
CREATE VIEW IF NOT EXISTS {{table "owned_scans"}} {{onCluster}} AS
SELECT c.scan_id AS scan_id, c.at AS at, c.tool AS tool, c.report AS report, c.target AS target, c.workload AS workload, c.url AS url,
    arrayJoin(multiIf(s.service_id != '', [s.service_id], c.service_ref != '', [c.service_ref],
        notEmpty(p.services), arrayMap(x -> x.2, p.services), c.repo != '', [c.repo], [w.service_id])) AS service_id
FROM (SELECT * FROM {{table "scans"}} FINAL) AS c
LEFT JOIN {{table "service_refs"}} AS s ON s.ref = c.service_ref
LEFT JOIN {{table "repo_services"}} AS p ON p.repo = c.repo
LEFT JOIN {{table "workload_services"}} AS w ON w.workload = c.workload;

-- A finding with its beginning and end. In a report it begins with the first
-- report that shows it and ends with the first later one of the series that does
-- not; one that a report marks as dismissed never was open. What the first report
-- of a series shows was there before: a baseline.
CREATE VIEW IF NOT EXISTS {{table "dated_findings"}} {{onCluster}} AS
SELECT finding_id, fingerprint, kind, tool, rule, title, severity, path, target, repo, workload, service_ref, team_ref, url, began,
    multiIf(closed IS NOT NULL, closed, said = 'dismissed', began, next) AS ended,
    if(said = 'open' AND next IS NOT NULL, 'fixed', said) AS state, reason, baseline
FROM (
    SELECT f.finding_id AS finding_id, f.fingerprint AS fingerprint, toString(f.kind) AS kind, toString(f.tool) AS tool, f.rule AS rule,
        f.title AS title, toString(f.severity) AS severity, f.path AS path, f.target AS target, f.repo AS repo, f.workload AS workload,
        f.service_ref AS service_ref, f.team_ref AS team_ref, f.url AS url, toString(f.state) AS said, toString(f.reason) AS reason,
        ifNull(f.opened_at, if(b.finding_id != '', b.at, f.seen_at)) AS began, f.closed_at AS closed,
        if(f.report != '' AND n.report = f.report, toNullable(n.at), NULL) AS next,
        f.report != '' AND f.opened_at IS NULL AND began <= r.at AS baseline
    FROM (SELECT * FROM {{table "findings"}} FINAL) AS f
    LEFT JOIN (SELECT finding_id, at FROM {{table "finding_starts"}} FINAL) AS b ON b.finding_id = f.finding_id
    ASOF LEFT JOIN (SELECT report, at FROM {{table "scans"}} FINAL WHERE report != '') AS n ON n.report = f.report AND f.seen_at < n.at
    LEFT JOIN (SELECT report, min(at) AS at FROM {{table "scans"}} FINAL WHERE report != '' GROUP BY report) AS r ON r.report = f.report
);

-- What several tools, files or images say of one weakness of one service is one
-- finding: it began when the first began, ended when the last ended, and is as
-- severe as the worst says. A service that was made in the month before its first
-- report has no baseline.
CREATE VIEW IF NOT EXISTS {{table "owned_findings"}} {{onCluster}} AS
SELECT g.finding AS finding_id, g.service AS service_id, g.fingerprint AS fingerprint, g.kind AS kind, g.rule AS rule, g.title AS title,
    ['critical', 'high', 'medium', 'low', 'unknown'][g.worst] AS severity, g.tools AS tools, g.places AS places, g.url AS url,
    g.state AS state, g.reason AS reason, g.opened AS opened_at, if(g.open > 0, NULL, toNullable(g.closed)) AS closed_at,
    g.baseline AND NOT ifNull(m.created_at > subtractDays(g.opened, 30) AND m.created_at <= g.opened, 0) AS baseline,
    multiIf(g.team_ref != '', multiIf(t.team_id != '', t.team_id, l.team_id != '', l.team_id, g.team_ref),
        o.owners[greatest(1, arrayCount(x -> x.1 <= g.opened, o.owners))].2) AS team_id
FROM (
    SELECT service, fingerprint, argMin(finding_id, (began, finding_id)) AS finding, argMin(kind, (began, finding_id)) AS kind,
        argMin(rule, (began, finding_id)) AS rule, argMin(title, (began, finding_id)) AS title, argMin(url, (began, finding_id)) AS url,
        argMin(team_ref, (began, finding_id)) AS team_ref, argMin(baseline, (began, finding_id)) AS baseline,
        min(if(severity IN ('critical', 'high', 'medium', 'low'), indexOf(['critical', 'high', 'medium', 'low'], severity), 5)) AS worst,
        arraySort(groupUniqArray(tool)) AS tools, arraySort(groupUniqArray(if(path = '', target, path))) AS places,
        argMax(state, (ended IS NULL, ifNull(ended, began), finding_id)) AS state,
        argMax(reason, (ended IS NULL, ifNull(ended, began), finding_id)) AS reason,
        min(began) AS opened, countIf(ended IS NULL) AS open, max(ifNull(ended, began)) AS closed
    FROM (
        SELECT f.finding_id AS finding_id, f.fingerprint AS fingerprint, f.kind AS kind, f.tool AS tool, f.rule AS rule, f.title AS title,
            f.severity AS severity, f.path AS path, f.target AS target, f.url AS url, f.team_ref AS team_ref, f.state AS state,
            f.reason AS reason, f.began AS began, f.ended AS ended, f.baseline AS baseline,
            multiIf(s.service_id != '', s.service_id, f.service_ref != '', f.service_ref,
                (arrayFirst(x -> empty(x.1) OR arrayExists(y -> startsWith(f.path, y), x.1), p.services).2 AS by_path) != '', by_path,
                f.repo != '', f.repo, w.service_id) AS service
        FROM {{table "dated_findings"}} AS f
        LEFT JOIN {{table "service_refs"}} AS s ON s.ref = f.service_ref
        LEFT JOIN {{table "repo_services"}} AS p ON p.repo = f.repo
        LEFT JOIN {{table "workload_services"}} AS w ON w.workload = f.workload
    )
    GROUP BY service, if(service = '', target, ''), fingerprint
) AS g
LEFT JOIN (SELECT service_id, created_at FROM {{table "services"}} FINAL) AS m ON m.service_id = g.service
LEFT JOIN {{table "service_owners"}} AS o ON o.service_id = g.service
LEFT JOIN {{table "team_refs"}} AS t ON t.ref = g.team_ref
LEFT JOIN {{table "team_refs"}} AS l ON l.ref = lower(splitByRegexp('[:/]', g.team_ref)[-1]);

-- Each line of an inventory with when its service, or itself, was last scanned
-- until the end of that day; 1970 when it never was.
CREATE VIEW IF NOT EXISTS {{table "scanned_workloads"}} {{onCluster}} AS
SELECT w.workload_id AS workload_id, w.day AS day, w.cluster AS cluster, w.namespace AS namespace, w.name AS name, w.tier AS tier,
    w.url AS url, w.service_id AS service_id, w.team_id AS team_id, greatest(w.service_scanned, k.at) AS scanned_at
FROM (
    SELECT w.workload_id AS workload_id, w.day AS day, w.cluster AS cluster, w.namespace AS namespace, w.name AS name, w.tier AS tier,
        w.url AS url, w.service_id AS service_id, w.team_id AS team_id, concat(w.namespace, '/', w.name) AS workload, w.until AS until,
        s.at AS service_scanned
    FROM (SELECT *, addDays(day, 1) AS until FROM {{table "owned_workloads"}}) AS w
    ASOF LEFT JOIN (SELECT service_id, at FROM {{table "owned_scans"}} WHERE service_id != '') AS s ON s.service_id = w.service_id AND w.until > s.at
) AS w
ASOF LEFT JOIN (SELECT workload, at FROM {{table "owned_scans"}} WHERE workload != '') AS k ON k.workload = w.workload AND w.until > k.at;

CREATE VIEW IF NOT EXISTS {{table "owned_policy_results"}} {{onCluster}} AS
SELECT r.result_id AS result_id, r.day AS day, r.at AS at, r.tool AS tool, r.policy AS policy, r.rule AS rule, r.category AS category,
    r.severity AS severity, r.outcome AS outcome, r.message AS message, r.cluster AS cluster, r.resource AS resource, r.url AS url,
    multiIf(s.service_id != '', s.service_id, r.service_ref != '', r.service_ref, w.service_id) AS service_id,
    multiIf(r.team_ref != '', multiIf(t.team_id != '', t.team_id, l.team_id != '', l.team_id, r.team_ref),
        o.owners[greatest(1, arrayCount(x -> x.1 <= r.at, o.owners))].2) AS team_id
FROM (SELECT * FROM {{table "policy_results"}} FINAL) AS r
LEFT JOIN {{table "service_refs"}} AS s ON s.ref = r.service_ref
LEFT JOIN {{table "workload_services"}} AS w ON w.workload = r.workload
LEFT JOIN {{table "service_owners"}} AS o ON o.service_id = multiIf(s.service_id != '', s.service_id, r.service_ref != '', r.service_ref, w.service_id)
LEFT JOIN {{table "team_refs"}} AS t ON t.ref = r.team_ref
LEFT JOIN {{table "team_refs"}} AS l ON l.ref = lower(splitByRegexp('[:/]', r.team_ref)[-1]);

CREATE VIEW IF NOT EXISTS {{table "owned_costs"}} {{onCluster}} AS
SELECT c.cost_id AS cost_id, c.day AS day, c.amount AS amount, c.currency AS currency, c.category AS category, c.cluster AS cluster,
    c.workload AS workload, c.url AS url,
    multiIf(s.service_id != '', s.service_id, c.service_ref != '', c.service_ref, w.service_id) AS service_id,
    multiIf(c.team_ref != '', multiIf(t.team_id != '', t.team_id, l.team_id != '', l.team_id, c.team_ref),
        o.owners[greatest(1, arrayCount(x -> x.1 <= c.day, o.owners))].2) AS team_id
FROM (SELECT * FROM {{table "costs"}} FINAL) AS c
LEFT JOIN {{table "service_refs"}} AS s ON s.ref = c.service_ref
LEFT JOIN {{table "workload_services"}} AS w ON w.workload = c.workload
LEFT JOIN {{table "service_owners"}} AS o ON o.service_id = multiIf(s.service_id != '', s.service_id, c.service_ref != '', c.service_ref, w.service_id)
LEFT JOIN {{table "team_refs"}} AS t ON t.ref = c.team_ref
LEFT JOIN {{table "team_refs"}} AS l ON l.ref = lower(splitByRegexp('[:/]', c.team_ref)[-1]);
