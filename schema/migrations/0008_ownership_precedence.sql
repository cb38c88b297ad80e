-- The owners of a service as (from, team), the earliest first, without those of
-- sources that count less than another which speaks of that time
-- (schema.OwnershipRank). Before the first of them the first counts.
CREATE OR REPLACE VIEW {{table "service_owners"}} {{onCluster}} AS
SELECT service_id, arrayMap(o -> (o.1, o.2),
    arrayFilter(o -> NOT arrayExists(p -> p.3 > o.3 AND p.1 <= o.1, all_owners), all_owners)) AS owners
FROM (
    SELECT service_id, arraySort(groupArray((valid_from, team_id, if(source IN ('config', 'csv', 'api'), 0, 1)))) AS all_owners
    FROM {{table "ownerships"}} FINAL
    GROUP BY service_id
);
