-- The views of 0005 with the same answers for less work, and the source of a use. Nearly every service has
-- had one owner and nearly everybody one team: those are carried as a name, and
-- only the others as an array of times that each row has to be looked up in.

-- ref → service and owner: owner is the only one that the service has had, else
-- owners are all of them.
CREATE VIEW IF NOT EXISTS {{table "ref_owners"}} {{onCluster}} AS
SELECT s.ref AS ref, s.service_id AS service_id,
    if(length(o.owners) = 1, o.owners[1].2, '') AS owner, if(length(o.owners) = 1, [], o.owners) AS owners
FROM {{table "service_refs"}} AS s
LEFT JOIN {{table "service_owners"}} AS o ON o.service_id = s.service_id;

-- identity → team: team is the only one that the person has had, else teams are
-- all of them.
CREATE VIEW IF NOT EXISTS {{table "ref_teams"}} {{onCluster}} AS
SELECT a.ref AS ref, if(length(a.teams) = 1, a.teams[1].3, '') AS team,
    if(length(a.teams) = 1 AND a.teams[1].3 != '', [], a.teams) AS teams
FROM {{table "actor_teams"}} AS a;

CREATE OR REPLACE VIEW {{table "owned_uses"}} {{onCluster}} AS
SELECT u.use_id AS use_id, u.capability_id AS capability_id, u.at AS at, u.action AS action, u.qualifying AS qualifying, u.url AS url,
    u.source AS source,
    if(o.service_id != '', o.service_id, u.service_ref) AS service_id,
    multiIf(u.team_ref != '', multiIf(t.team_id != '', t.team_id, l.team_id != '', l.team_id, u.team_ref),
        a.team != '', a.team,
        notEmpty(a.teams), if(arrayExists(m -> m.1 <= u.at AND u.at < m.2, a.teams), arrayFirst(m -> m.1 <= u.at AND u.at < m.2, a.teams), a.teams[-1]).3,
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
        notEmpty(a.teams), if(arrayExists(m -> m.1 <= r.created_at AND r.created_at < m.2, a.teams), arrayFirst(m -> m.1 <= r.created_at AND r.created_at < m.2, a.teams), a.teams[-1]).3,
        empty(o.owners), o.owner, o.owners[greatest(1, arrayCount(x -> x.1 <= r.created_at, o.owners))].2) AS team_id
FROM (SELECT * FROM {{table "requests"}} FINAL) AS r
LEFT JOIN {{table "ref_owners"}} AS o ON o.ref = r.service_ref
LEFT JOIN {{table "team_refs"}} AS t ON t.ref = r.team_ref
LEFT JOIN {{table "team_refs"}} AS l ON l.ref = substringIndex(replaceAll(lower(r.team_ref), ':', '/'), '/', -1)
LEFT JOIN {{table "ref_teams"}} AS a ON a.ref = r.actor;

CREATE OR REPLACE VIEW {{table "owned_tickets"}} {{onCluster}} AS
SELECT k.ticket_id AS ticket_id, k.project AS project, k.type AS type, k.category AS category, k.theme AS theme, k.title AS title,
    k.status AS status, k.capability_id AS capability_id, k.created_at AS created_at, k.first_response_at AS first_response_at,
    k.resolved_at AS resolved_at, k.reopened AS reopened, k.url AS url,
    if(o.service_id != '', o.service_id, k.service_ref) AS service_id,
    multiIf(k.team_ref != '', multiIf(t.team_id != '', t.team_id, l.team_id != '', l.team_id, k.team_ref),
        empty(o.owners), o.owner, o.owners[greatest(1, arrayCount(x -> x.1 <= k.created_at, o.owners))].2) AS team_id
FROM (SELECT * FROM {{table "tickets"}} FINAL) AS k
LEFT JOIN {{table "ref_owners"}} AS o ON o.ref = k.service_ref
LEFT JOIN {{table "team_refs"}} AS t ON t.ref = k.team_ref
LEFT JOIN {{table "team_refs"}} AS l ON l.ref = substringIndex(replaceAll(lower(k.team_ref), ':', '/'), '/', -1);

CREATE OR REPLACE VIEW {{table "owned_workloads"}} {{onCluster}} AS
SELECT w.workload_id AS workload_id, w.day AS day, w.cluster AS cluster, w.namespace AS namespace, w.name AS name, w.kind AS kind,
    w.environment AS environment, w.tier AS tier, w.on_platform AS on_platform, w.platform_owned AS platform_owned, w.url AS url,
    if(o.service_id != '', o.service_id, w.service_ref) AS service_id,
    multiIf(w.team_ref != '', multiIf(t.team_id != '', t.team_id, l.team_id != '', l.team_id, w.team_ref),
        empty(o.owners), o.owner, o.owners[greatest(1, arrayCount(x -> x.1 <= w.day, o.owners))].2) AS team_id
FROM (SELECT * FROM {{table "workloads"}} FINAL) AS w
LEFT JOIN {{table "ref_owners"}} AS o ON o.ref = w.service_ref
LEFT JOIN {{table "team_refs"}} AS t ON t.ref = w.team_ref
LEFT JOIN {{table "team_refs"}} AS l ON l.ref = substringIndex(replaceAll(lower(w.team_ref), ':', '/'), '/', -1);
