-- What derivation needs beyond its rows: a hash by which it tells what differs
-- without reading whole rows, the catalogue as it was last applied, and indexes
-- for finding the deployments of a few services and the holders of a few deployments.

ALTER TABLE {{table "releases"}} {{onCluster}} ADD COLUMN IF NOT EXISTS content UInt64;

ALTER TABLE {{table "changes_deployed"}} {{onCluster}} ADD COLUMN IF NOT EXISTS content UInt64;

ALTER TABLE {{table "incidents"}} {{onCluster}} ADD COLUMN IF NOT EXISTS content UInt64;

CREATE TABLE IF NOT EXISTS {{table "applied_services"}} {{onCluster}} (
    service_id String, version UInt64, is_deleted UInt8,
    repo String, paths Array(String), aliases Array(String), created_at Nullable(DateTime64(3, 'UTC'))
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (service_id);

ALTER TABLE {{table "deployments"}} {{onCluster}} ADD INDEX IF NOT EXISTS by_repo repo TYPE set(1000) GRANULARITY 1;

ALTER TABLE {{table "deployments"}} {{onCluster}} ADD INDEX IF NOT EXISTS by_ref service_ref TYPE set(1000) GRANULARITY 1;

ALTER TABLE {{table "deployments"}} {{onCluster}} MATERIALIZE INDEX by_repo;

ALTER TABLE {{table "deployments"}} {{onCluster}} MATERIALIZE INDEX by_ref;

ALTER TABLE {{table "releases"}} {{onCluster}} ADD INDEX IF NOT EXISTS by_deployment deployments TYPE bloom_filter(0.01) GRANULARITY 1;

ALTER TABLE {{table "releases"}} {{onCluster}} MATERIALIZE INDEX by_deployment;
