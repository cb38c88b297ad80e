-- What metrics need to know about whose a fact is. A fact stays in its sender's
-- words; these views say which service and which team that was when it happened
-- (invariant 7). The order of rules for a team: the team the sender names, else
-- the team of the person who acted, else the owner of the service.

-- ref → service: the id of a service, or one of its aliases.
CREATE VIEW IF NOT EXISTS {{table "service_refs"}} {{onCluster}} AS
SELECT ref, argMin(service, (rank, service)) AS service_id
FROM (
    SELECT service_id AS ref, 0 AS rank, service_id AS service FROM {{table "services"}} FINAL
    UNION ALL
    SELECT arrayJoin(aliases) AS ref, 1 AS rank, service_id AS service FROM {{table "services"}} FINAL
)
WHERE ref != ''
GROUP BY ref;

-- ref → team: the id of a team, its name, or the last word of a longer id, when
-- no other team has that word ("group:default/payments" → "payments").
CREATE VIEW IF NOT EXISTS {{table "team_refs"}} {{onCluster}} AS
SELECT ref, argMin(team, (rank, team)) AS team_id
FROM (
    SELECT team_id AS ref, 0 AS rank, team_id AS team FROM {{table "teams"}} FINAL
    UNION ALL
    SELECT arrayJoin(arrayDistinct([lower(name), lower(splitByRegexp('[:/]', team_id)[-1])])) AS ref, 1 AS rank, team_id AS team
    FROM {{table "teams"}} FINAL
)
WHERE ref != ''
GROUP BY ref
HAVING min(rank) = 0 OR uniqExact(team) = 1;

-- The owners of a service as (from, team), the earliest first. Before the first
-- of them the first counts.
CREATE VIEW IF NOT EXISTS {{table "service_owners"}} {{onCluster}} AS
SELECT service_id, arraySort(groupArray((valid_from, team_id))) AS owners
FROM {{table "ownerships"}} FINAL
GROUP BY service_id;

-- The teams of an identity as (from, to, team), the latest first. Before the
-- first of them the first counts.
CREATE VIEW IF NOT EXISTS {{table "actor_teams"}} {{onCluster}} AS
SELECT i.ref AS ref,
    arrayReverseSort(groupArray((m.valid_from, ifNull(m.valid_to, toDateTime64('2200-01-01 00:00:00', 3, 'UTC')), m.team_id))) AS teams
FROM (SELECT ref, person_id FROM {{table "identities"}} FINAL) AS i
INNER JOIN (SELECT person_id, team_id, valid_from, valid_to FROM {{table "memberships"}} FINAL) AS m ON m.person_id = i.person_id
GROUP BY ref;

-- The times for which a team owned a service of the catalogue: [owned_from, owned_to).
CREATE VIEW IF NOT EXISTS {{table "team_services"}} {{onCluster}} AS
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

-- When people's changes were merged, by team; a change that is deployed too may
-- be there twice. A change of a repository whose services have paths of their
-- own counts once it is deployed, because only then is its service known.
CREATE VIEW IF NOT EXISTS {{table "team_merges"}} {{onCluster}} AS
SELECT o.owners[greatest(1, arrayCount(x -> x.1 <= c.merged, o.owners))].2 AS team_id, c.merged AS merged_at
FROM (
    SELECT repo, assumeNotNull(merged_at) AS merged FROM {{table "changes"}} FINAL
    WHERE state = 'merged' AND merged_at IS NOT NULL AND author_is_bot = 0
) AS c
INNER JOIN (
    SELECT s.repo AS repo, w.owners AS owners
    FROM (SELECT repo, service_id FROM {{table "services"}} FINAL WHERE repo != '' AND empty(paths)) AS s
    INNER JOIN {{table "service_owners"}} AS w ON w.service_id = s.service_id
) AS o ON o.repo = c.repo
UNION ALL
SELECT team_id, ifNull(merged_at, deployed_at) AS merged_at
FROM {{table "changes_deployed"}} FINAL
WHERE change_id NOT IN (SELECT change_id FROM {{table "changes"}} FINAL WHERE author_is_bot = 1);

CREATE VIEW IF NOT EXISTS {{table "owned_uses"}} {{onCluster}} AS
SELECT u.use_id AS use_id, u.capability_id AS capability_id, u.at AS at, u.action AS action, u.qualifying AS qualifying, u.url AS url,
    if(s.service_id != '', s.service_id, u.service_ref) AS service_id,
    multiIf(u.team_ref != '', multiIf(t.team_id != '', t.team_id, l.team_id != '', l.team_id, u.team_ref),
        notEmpty(a.teams), if(arrayExists(m -> m.1 <= u.at AND u.at < m.2, a.teams), arrayFirst(m -> m.1 <= u.at AND u.at < m.2, a.teams), a.teams[-1]).3,
        o.owners[greatest(1, arrayCount(x -> x.1 <= u.at, o.owners))].2) AS team_id
FROM (SELECT * FROM {{table "capability_uses"}} FINAL) AS u
LEFT JOIN {{table "service_refs"}} AS s ON s.ref = u.service_ref
LEFT JOIN {{table "service_owners"}} AS o ON o.service_id = s.service_id
LEFT JOIN {{table "team_refs"}} AS t ON t.ref = u.team_ref
LEFT JOIN {{table "team_refs"}} AS l ON l.ref = lower(splitByRegexp('[:/]', u.team_ref)[-1])
LEFT JOIN {{table "actor_teams"}} AS a ON a.ref = u.actor;

CREATE VIEW IF NOT EXISTS {{table "owned_requests"}} {{onCluster}} AS
SELECT r.request_id AS request_id, r.capability_id AS capability_id, r.template AS template, r.channel AS channel, r.status AS status,
    r.dry_run AS dry_run, r.human_steps AS human_steps, r.created_at AS created_at, r.completed_at AS completed_at,
    r.minutes_saved AS minutes_saved, r.url AS url,
    if(s.service_id != '', s.service_id, r.service_ref) AS service_id,
    multiIf(r.team_ref != '', multiIf(t.team_id != '', t.team_id, l.team_id != '', l.team_id, r.team_ref),
        notEmpty(a.teams), if(arrayExists(m -> m.1 <= r.created_at AND r.created_at < m.2, a.teams), arrayFirst(m -> m.1 <= r.created_at AND r.created_at < m.2, a.teams), a.teams[-1]).3,
        o.owners[greatest(1, arrayCount(x -> x.1 <= r.created_at, o.owners))].2) AS team_id
FROM (SELECT * FROM {{table "requests"}} FINAL) AS r
LEFT JOIN {{table "service_refs"}} AS s ON s.ref = r.service_ref
LEFT JOIN {{table "service_owners"}} AS o ON o.service_id = s.service_id
LEFT JOIN {{table "team_refs"}} AS t ON t.ref = r.team_ref
LEFT JOIN {{table "team_refs"}} AS l ON l.ref = lower(splitByRegexp('[:/]', r.team_ref)[-1])
LEFT JOIN {{table "actor_teams"}} AS a ON a.ref = r.actor;

CREATE VIEW IF NOT EXISTS {{table "owned_tickets"}} {{onCluster}} AS
SELECT k.ticket_id AS ticket_id, k.project AS project, k.type AS type, k.category AS category, k.theme AS theme, k.title AS title,
    k.status AS status, k.capability_id AS capability_id, k.created_at AS created_at, k.first_response_at AS first_response_at,
    k.resolved_at AS resolved_at, k.reopened AS reopened, k.url AS url,
    if(s.service_id != '', s.service_id, k.service_ref) AS service_id,
    multiIf(k.team_ref != '', multiIf(t.team_id != '', t.team_id, l.team_id != '', l.team_id, k.team_ref),
        o.owners[greatest(1, arrayCount(x -> x.1 <= k.created_at, o.owners))].2) AS team_id
FROM (SELECT * FROM {{table "tickets"}} FINAL) AS k
LEFT JOIN {{table "service_refs"}} AS s ON s.ref = k.service_ref
LEFT JOIN {{table "service_owners"}} AS o ON o.service_id = s.service_id
LEFT JOIN {{table "team_refs"}} AS t ON t.ref = k.team_ref
LEFT JOIN {{table "team_refs"}} AS l ON l.ref = lower(splitByRegexp('[:/]', k.team_ref)[-1]);

CREATE VIEW IF NOT EXISTS {{table "owned_workloads"}} {{onCluster}} AS
SELECT w.workload_id AS workload_id, w.day AS day, w.cluster AS cluster, w.namespace AS namespace, w.name AS name, w.kind AS kind,
    w.environment AS environment, w.tier AS tier, w.on_platform AS on_platform, w.platform_owned AS platform_owned, w.url AS url,
    if(s.service_id != '', s.service_id, w.service_ref) AS service_id,
    multiIf(w.team_ref != '', multiIf(t.team_id != '', t.team_id, l.team_id != '', l.team_id, w.team_ref),
        o.owners[greatest(1, arrayCount(x -> x.1 <= w.day, o.owners))].2) AS team_id
FROM (SELECT * FROM {{table "workloads"}} FINAL) AS w
LEFT JOIN {{table "service_refs"}} AS s ON s.ref = w.service_ref
LEFT JOIN {{table "service_owners"}} AS o ON o.service_id = s.service_id
LEFT JOIN {{table "team_refs"}} AS t ON t.ref = w.team_ref
LEFT JOIN {{table "team_refs"}} AS l ON l.ref = lower(splitByRegexp('[:/]', w.team_ref)[-1]);
