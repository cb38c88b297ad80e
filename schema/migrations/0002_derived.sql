-- Derived rows: what the pipeline concludes, each with its rule and evidence.

CREATE TABLE IF NOT EXISTS {{table "releases"}} {{onCluster}} (
    service_id LowCardinality(String), team_id LowCardinality(String), version UInt64, is_deleted UInt8,
    release_id String, repo String, commit String, deployed_version String,
    environments Array(String), deployments Array(String),
    started_at DateTime64(3, 'UTC'), finished_at DateTime64(3, 'UTC'),
    succeeded UInt8, baseline UInt8, commit_known UInt8, changes UInt32, url String,
    failed UInt8, failure_rule LowCardinality(String), failure_evidence String, failure_url String,
    failed_at Nullable(DateTime64(3, 'UTC')), recovered_at Nullable(DateTime64(3, 'UTC')),
    recovery_rule LowCardinality(String), recovery_evidence String,
    rework UInt8, rework_rule LowCardinality(String), rework_evidence String,
    excluded LowCardinality(String)
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (service_id, release_id);

CREATE TABLE IF NOT EXISTS {{table "changes_deployed"}} {{onCluster}} (
    service_id LowCardinality(String), team_id LowCardinality(String), version UInt64, is_deleted UInt8,
    change_id String, release_id String, repo String, kind LowCardinality(String), title String, url String,
    rule LowCardinality(String), evidence String,
    first_commit_at Nullable(DateTime64(3, 'UTC')), opened_at Nullable(DateTime64(3, 'UTC')),
    first_review_at Nullable(DateTime64(3, 'UTC')), merged_at Nullable(DateTime64(3, 'UTC')),
    deployed_at DateTime64(3, 'UTC'),
    coding_seconds Nullable(Float64), pickup_seconds Nullable(Float64), review_seconds Nullable(Float64),
    deploy_seconds Nullable(Float64), lead_seconds Nullable(Float64), merge_to_production_seconds Nullable(Float64),
    excluded LowCardinality(String)
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (service_id, change_id);

CREATE TABLE IF NOT EXISTS {{table "incidents"}} {{onCluster}} (
    service_id LowCardinality(String), team_id LowCardinality(String), version UInt64, is_deleted UInt8,
    incident_id String, source LowCardinality(String), title String, severity LowCardinality(String),
    started_at DateTime64(3, 'UTC'), resolved_at Nullable(DateTime64(3, 'UTC')), reopened UInt32, url String,
    release_id String, rule LowCardinality(String), excluded LowCardinality(String)
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (service_id, incident_id);
