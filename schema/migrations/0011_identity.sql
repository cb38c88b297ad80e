-- Whose things are, when several say so, and who people are, when several systems
-- name them.

-- Of one service everybody who says whose it is has a line of claims of their own,
-- so that one who says it no longer leaves the others'. What was said before is of
-- the line of its source.
ALTER TABLE {{table "ownerships"}} {{onCluster}} ADD COLUMN IF NOT EXISTS claim String,
    ADD COLUMN IF NOT EXISTS patterns Array(String), ADD COLUMN IF NOT EXISTS teams Array(String), ADD COLUMN IF NOT EXISTS others Array(String),
    MODIFY ORDER BY (service_id, valid_from, claim);

INSERT INTO {{table "ownerships"}} (source, url, version, is_deleted, service_id, valid_from, team_id, claim)
SELECT source, url, version, is_deleted, service_id, valid_from, team_id,
    multiIf(source = 'config', 'config', source IN ('backstage', 'port'), concat('catalog/', source), '') AS said
FROM {{table "ownerships"}} FINAL
WHERE claim = '' AND said != '';

ALTER TABLE {{table "ownerships"}} {{onCluster}} DELETE WHERE claim = '' AND source IN ('config', 'backstage', 'port');

CREATE TABLE IF NOT EXISTS {{table "repo_names"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    repo_uid String, since DateTime64(3, 'UTC'), repo String, before String
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (repo_uid, since, repo);

-- name → the name that the repository has now, and all names that are its. A name is
-- of the repository that took it last.
CREATE VIEW IF NOT EXISTS {{table "repo_aliases"}} {{onCluster}} AS
SELECT arrayJoin(names) AS name, repo, names
FROM (
    SELECT argMax(name, (at, name)) AS repo, groupArray(name) AS names
    FROM (
        SELECT n.1 AS name, argMax(uid, (n.2, uid)) AS uid, max(n.2) AS at
        FROM (
            SELECT repo_uid AS uid, arrayJoin([(repo, since), (before, toDateTime64(0, 3, 'UTC'))]) AS n FROM {{table "repo_names"}} FINAL
        )
        WHERE n.1 != ''
        GROUP BY name
    )
    GROUP BY uid
);

-- The services of a repository under each of its names as (paths, service), those with
-- paths of their own first.
CREATE OR REPLACE VIEW {{table "repo_services"}} {{onCluster}} AS
SELECT arrayJoin(arrayDistinct(arrayConcat([current], names))) AS repo, services
FROM (
    SELECT if(a.repo != '', a.repo, s.repo) AS current, any(a.names) AS names, arraySort(x -> (empty(x.1), x.2), groupArray((s.paths, s.service_id))) AS services
    FROM (SELECT repo, paths, service_id FROM {{table "services"}} FINAL WHERE repo != '') AS s
    LEFT JOIN {{table "repo_aliases"}} AS a ON a.name = s.repo
    GROUP BY current
);

-- When people's changes were merged, by team: as in 0005, under each name of a
-- repository.
CREATE OR REPLACE VIEW {{table "team_merges"}} {{onCluster}} AS
SELECT o.owners[greatest(1, arrayCount(x -> x.1 <= c.merged, o.owners))].2 AS team_id, c.merged AS merged_at
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
SELECT team_id, ifNull(merged_at, deployed_at) AS merged_at
FROM {{table "changes_deployed"}} FINAL
WHERE change_id NOT IN (SELECT change_id FROM {{table "changes"}} FINAL WHERE author_is_bot = 1);

-- Each claim to a service with its line and its weight (schema.OwnershipRank). A claim to a
-- repository is one to each of its services; where rules are by path, the last that
-- fits the service's first path counts.
CREATE VIEW IF NOT EXISTS {{table "service_claims"}} {{onCluster}} AS
SELECT service.2 AS service_id, valid_from, line, multiIf(kind = 'catalog', 3, kind = 'team', 2, kind = 'codeowners', 1, kind IN ('config', 'csv', 'api'), 0, 3) AS weight,
    if(length(rules) = 0, team_id, arrayLast((t, p) -> match(concat(trimRight(service.1[1], '/'), '/_'), p), rule_teams, rules)) AS team_id
FROM (
    SELECT valid_from, line, substringIndex(line, '/', 1) AS kind, o.team_id AS team_id, service,
        if(empty(service.1), [], patterns) AS rules, if(empty(service.1), [], teams) AS rule_teams
    FROM (
        SELECT service_id, valid_from, if(claim = '', toString(source), claim) AS line, team_id, patterns, teams,
            claim = 'codeowners' OR startsWith(claim, 'team/') AS of_repo
        FROM {{table "ownerships"}} FINAL
    ) AS o
    LEFT JOIN {{table "repo_services"}} AS r ON r.repo = o.service_id
    ARRAY JOIN if(o.of_repo AND notEmpty(r.services), r.services, [(CAST([], 'Array(String)'), o.service_id)]) AS service
);

-- The owners of a service as (from, team), the earliest first: at each time the
-- heaviest of the latest claims of the lines that name a team then. Of a repository that
-- several teams administer those teams say nothing. Before the first of them the
-- first counts.
CREATE OR REPLACE VIEW {{table "service_owners"}} {{onCluster}} AS
SELECT service_id, arrayFilter((o, i) -> i = 1 OR o.2 != all_owners[i - 1].2, all_owners, arrayEnumerate(all_owners)) AS owners
FROM (
    SELECT service_id, arrayMap(c -> (c.1, arraySort(r -> (-r.3, -toUnixTimestamp64Milli(r.1), r.4),
        arrayFilter(r -> r.3 != 2 OR length(arrayDistinct(arrayMap(x -> x.4, arrayFilter(x -> x.3 = 2, c.2)))) = 1, c.2))[1].4), at_each) AS all_owners
    FROM (
        SELECT service_id, arrayMap(t -> (t, arrayFilter(r -> r.1 <= t AND r.4 != ''
            AND NOT arrayExists(q -> q.2 = r.2 AND q.1 > r.1 AND q.1 <= t, claims), claims)), arraySort(arrayDistinct(claims.1))) AS at_each
        FROM (
            SELECT service_id, groupArray((valid_from, line, toInt8(weight), team_id)) AS claims
            FROM {{table "service_claims"}}
            GROUP BY service_id
        )
    )
);

-- ref → person. What a link leads to may itself be a name that another link leads
-- on from: SSO knows an e-mail address, and the catalog whose that is. Somebody
-- whom nothing links is a person under the name that their system knows.
CREATE VIEW IF NOT EXISTS {{table "ref_people"}} {{onCluster}} AS
SELECT i.ref AS ref, if(n.person_id != '', n.person_id, i.person_id) AS person_id
FROM (SELECT ref, person_id FROM {{table "identities"}} FINAL) AS i
LEFT JOIN (SELECT ref, person_id FROM {{table "identities"}} FINAL) AS n ON n.ref = i.person_id
UNION ALL
SELECT DISTINCT person_id AS ref, person_id
FROM {{table "memberships"}} FINAL
WHERE position(person_id, ':') > 0 AND person_id NOT IN (SELECT ref FROM {{table "identities"}} FINAL);

-- The teams of people: a later row of one person, as a system names them, and one
-- team takes over from the earlier, and one that ends as it begins says that the
-- person has left.
CREATE VIEW IF NOT EXISTS {{table "person_teams"}} {{onCluster}} AS
SELECT source, person_id, team_id, valid_from, valid_to
FROM (
    SELECT m.source AS source, if(p.person_id != '', p.person_id, m.person_id) AS person_id, m.team_id AS team_id, m.valid_from AS valid_from,
        if(m.later > m.valid_from AND (m.valid_to IS NULL OR m.valid_to > m.later), toNullable(m.later), m.valid_to) AS valid_to
    FROM (
        SELECT source, person_id, team_id, valid_from, valid_to, leadInFrame(valid_from) OVER (PARTITION BY person_id, team_id
            ORDER BY valid_from ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS later
        FROM {{table "memberships"}} FINAL
    ) AS m
    LEFT JOIN {{table "ref_people"}} AS p ON p.ref = m.person_id
)
WHERE valid_to IS NULL OR valid_to > valid_from;

-- The teams of an identity as (from, to, team), the latest first. Before the
-- first of them the first counts.
CREATE OR REPLACE VIEW {{table "actor_teams"}} {{onCluster}} AS
SELECT i.ref AS ref,
    arrayReverseSort(groupArray((m.valid_from, ifNull(m.valid_to, toDateTime64('2200-01-01 00:00:00', 3, 'UTC')), m.team_id))) AS teams
FROM {{table "ref_people"}} AS i
INNER JOIN {{table "person_teams"}} AS m ON m.person_id = i.person_id
GROUP BY ref;
