-- Facts: what the sources say. Every table keeps the highest version of a key;
-- queries read them with FINAL (invariant 6).

CREATE TABLE IF NOT EXISTS {{table "commits"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    repo LowCardinality(String), sha String, parents Array(String),
    authored_at DateTime64(3, 'UTC'), committed_at DateTime64(3, 'UTC'),
    title String, cherry_picked_from String, reverts Array(String),
    paths Array(String), paths_known UInt8
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (repo, sha);

CREATE TABLE IF NOT EXISTS {{table "tags"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    repo LowCardinality(String), name String, commit String, tagged_at DateTime64(3, 'UTC')
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (repo, name);

CREATE TABLE IF NOT EXISTS {{table "changes"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    repo LowCardinality(String), change_id String, number UInt64, title String,
    author String, author_is_bot UInt8, state LowCardinality(String),
    opened_at DateTime64(3, 'UTC'), merged_at Nullable(DateTime64(3, 'UTC')), closed_at Nullable(DateTime64(3, 'UTC')),
    merge_sha String, head_sha String, base_sha String, base_branch String, head_branch String,
    commit_count UInt32, first_commit_at Nullable(DateTime64(3, 'UTC')),
    labels Array(String), reverts Array(String)
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (repo, change_id);

CREATE TABLE IF NOT EXISTS {{table "reviews"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    repo LowCardinality(String), change_id String, review_id String, reviewer String, reviewer_is_bot UInt8,
    state LowCardinality(String), submitted_at DateTime64(3, 'UTC')
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (repo, change_id, review_id);

CREATE TABLE IF NOT EXISTS {{table "builds"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    repo LowCardinality(String), build_id String, pipeline String, commit String, branch String,
    status LowCardinality(String), created_at DateTime64(3, 'UTC'),
    started_at Nullable(DateTime64(3, 'UTC')), finished_at Nullable(DateTime64(3, 'UTC'))
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (repo, build_id);

CREATE TABLE IF NOT EXISTS {{table "deployments"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    deployment_id String, repo LowCardinality(String), service_ref String,
    environment LowCardinality(String), tier_hint LowCardinality(String),
    commit String, deployed_version String, branch String, status LowCardinality(String),
    created_at DateTime64(3, 'UTC'), started_at Nullable(DateTime64(3, 'UTC')), finished_at Nullable(DateTime64(3, 'UTC')),
    is_rollback UInt8
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (deployment_id);

CREATE TABLE IF NOT EXISTS {{table "incident_updates"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    incident_id String, update_id String, at DateTime64(3, 'UTC'), kind LowCardinality(String),
    service_refs Array(String), title String, severity LowCardinality(String),
    started_at Nullable(DateTime64(3, 'UTC')), cause String
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (incident_id, update_id);

CREATE TABLE IF NOT EXISTS {{table "tickets"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    ticket_id String, project LowCardinality(String), type LowCardinality(String),
    category LowCardinality(String), theme LowCardinality(String), title String, status LowCardinality(String),
    capability_id LowCardinality(String), team_ref String, service_ref String,
    created_at DateTime64(3, 'UTC'), first_response_at Nullable(DateTime64(3, 'UTC')), resolved_at Nullable(DateTime64(3, 'UTC')),
    reopened UInt32, labels Array(String)
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (ticket_id);

CREATE TABLE IF NOT EXISTS {{table "requests"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    request_id String, capability_id LowCardinality(String), template LowCardinality(String),
    channel LowCardinality(String), status LowCardinality(String), team_ref String, service_ref String, actor String,
    dry_run UInt8, human_steps UInt32, created_at DateTime64(3, 'UTC'), completed_at Nullable(DateTime64(3, 'UTC')),
    minutes_saved Float64
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (request_id);

CREATE TABLE IF NOT EXISTS {{table "services"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    service_id String, name String, kind LowCardinality(String), repo String, paths Array(String), aliases Array(String),
    system String, lifecycle LowCardinality(String), template String, created_at Nullable(DateTime64(3, 'UTC'))
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (service_id);

CREATE TABLE IF NOT EXISTS {{table "ownerships"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    service_id String, valid_from DateTime64(3, 'UTC'), team_id String
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (service_id, valid_from);

CREATE TABLE IF NOT EXISTS {{table "teams"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    team_id String, name String, kind LowCardinality(String), parent String
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (team_id);

CREATE TABLE IF NOT EXISTS {{table "people"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    person_id String, is_bot UInt8
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (person_id);

CREATE TABLE IF NOT EXISTS {{table "memberships"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    person_id String, team_id String, valid_from DateTime64(3, 'UTC'), valid_to Nullable(DateTime64(3, 'UTC'))
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (person_id, team_id, valid_from);

CREATE TABLE IF NOT EXISTS {{table "identities"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    ref String, person_id String, how LowCardinality(String)
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (ref);

CREATE TABLE IF NOT EXISTS {{table "capabilities"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    capability_id String, name String, kind LowCardinality(String),
    released_at Nullable(DateTime64(3, 'UTC')), mandated UInt8
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (capability_id);

CREATE TABLE IF NOT EXISTS {{table "capability_uses"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    use_id String, capability_id LowCardinality(String), at DateTime64(3, 'UTC'), action LowCardinality(String),
    qualifying UInt8, team_ref String, service_ref String, actor String
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (use_id);

CREATE TABLE IF NOT EXISTS {{table "workloads"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    workload_id String, day DateTime64(3, 'UTC'), cluster LowCardinality(String), namespace String, name String,
    kind LowCardinality(String), environment LowCardinality(String), tier LowCardinality(String),
    service_ref String, team_ref String, on_platform LowCardinality(String), platform_owned UInt8
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (day, workload_id);

CREATE TABLE IF NOT EXISTS {{table "survey_answers"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    answer_id String, survey_id LowCardinality(String), wave LowCardinality(String), question_id LowCardinality(String),
    question_version UInt32, kind LowCardinality(String), score Nullable(Float64), text String, team_id String,
    week DateTime64(3, 'UTC')
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (survey_id, wave, question_id, answer_id);

CREATE TABLE IF NOT EXISTS {{table "survey_participation"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    participation_id String, survey_id LowCardinality(String), wave LowCardinality(String), step LowCardinality(String),
    team_id String, week DateTime64(3, 'UTC')
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (survey_id, wave, step, participation_id);

CREATE TABLE IF NOT EXISTS {{table "receipts"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    event_id String, type LowCardinality(String), outcome LowCardinality(String), reason LowCardinality(String),
    facts UInt32, received_at DateTime64(3, 'UTC')
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (source, event_id);

CREATE TABLE IF NOT EXISTS {{table "dead_letters"}} {{onCluster}} (
    source LowCardinality(String), url String, version UInt64, is_deleted UInt8,
    event_id String, type LowCardinality(String), subject String, partition_key String,
    reason LowCardinality(String), detail String, received_at DateTime64(3, 'UTC'), failed_at DateTime64(3, 'UTC'),
    payload String, retried UInt8
) ENGINE = {{replacing "version, is_deleted"}} ORDER BY (source, event_id);
