{{/* The statements that make the year. Everything follows from numbers and
     hashes, so that any range of the work can be made alone, in any order. A slot
     is one step of a repository's trunk: a merged request (three of four) or a
     direct commit. Times are milliseconds until they are stored. */}}

{{define "scratch" -}}
CREATE TABLE {{.Scratch}}.repos (r UInt32, repo String, first Int64, slots Int64, services Int64, starts Float64) ENGINE = MergeTree ORDER BY r;
CREATE TABLE {{.Scratch}}.services (s Int64, r UInt32, repo String, slots Int64, services Int64, nth Int64, starts Float64,
  first_point Int64, points Int64, regions UInt8) ENGINE = MergeTree ORDER BY s
{{- end}}

{{define "slots" -}}
SELECT r, repo, services, starts, slots, g, j, kind, k, merged, opened, began, toInt64({{h "touches" "g"}} % services) AS touched
FROM (
  SELECT r, repo, services, starts, slots, g, j, k,
    multiIf(g % 4 = {{h "direct" "intDiv(g, 4)"}} % 4, 'direct', {{h "workflow" "g"}} % 15 < 8, 'merge', 'squash') AS kind,
    {{at "j"}} AS merged,
    merged - 1200000 - toInt64(345600000 * pow({{u "open" "g"}}, 4)) AS opened,
    opened - 900000 - toInt64(432000000 * pow({{u "coding" "g"}}, 3)) AS began
  FROM (
    SELECT r, repo, services, starts, slots, arrayJoin(range(slots)) AS j, first + j AS g, toInt64(1 + {{h "size" "g"}} % 9) AS k
    FROM {{.Scratch}}.repos WHERE r >= {{.From}} AND r < {{.To}}
  )
)
{{- end}}

{{define "roots" -}}
INSERT INTO commits (source, url, version, repo, sha, parents, authored_at, committed_at, title, paths_known)
SELECT 'github', concat('https://', repo, '/commit/', sha), {{version "at" "g"}}, repo, {{sha "-1" "0"}} AS sha, [], {{time "at"}}, {{time "at"}}, 'Begin', 1
FROM (SELECT repo, first AS g, {{calendar "toInt64(starts * " .WorkMillis ")"}} - 3600000 AS at FROM {{.Scratch}}.repos)
{{- end}}

{{define "commits" -}}
INSERT INTO commits (source, url, version, repo, sha, parents, authored_at, committed_at, title, paths, paths_known)
SELECT 'github', concat('https://', repo, '/commit/', sha), {{version "at" "g"}}, repo, {{sha "j" "b"}} AS sha,
  arrayConcat([{{sha "if(b = 0, j - 1, if(b = 1, base, j))" "if(b > 1, b - 1, 0)"}}], if(b = 0 AND kind = 'merge', [{{sha "j" "k"}}], [])),
  {{time "multiIf(b > 0, at - 60000, kind = 'direct', began, at)"}}, {{time "at"}},
  multiIf(b > 0, concat('Work on ', {{word "g + b"}}), kind = 'merge', concat('Merge pull request #', toString(j + 1), ' from acme/', {{word "g"}}),
    kind = 'squash', concat('Change ', {{word "g"}}, ' (#', toString(j + 1), ')'), concat('Adjust ', {{word "g"}})),
  if(services > 1 AND (b > 0 OR kind != 'merge'), [concat('services/', toString(touched), '/', {{word "g + b"}}, '.go')], []), services > 1
FROM (
  SELECT *, b, if(b = 0, merged, began + intDiv((opened - began) * b, k + 1)) AS at, j - 1 - least(j, toInt64({{h "base" "g"}} % 5)) AS base
  FROM ({{template "slots" .}}) ARRAY JOIN if(kind = 'merge', range(k + 1), [toInt64(0)]) AS b
)
{{- end}}

{{define "changes" -}}
INSERT INTO changes (source, url, version, repo, change_id, number, title, author, author_is_bot, state, opened_at, merged_at, closed_at,
  merge_sha, head_sha, base_branch, head_branch, commit_count, first_commit_at, labels, reverts)
SELECT 'github', concat('https://', repo, '/pull/', toString(j + 1)), {{version "merged" "g"}}, repo, concat(repo, '#', toString(j + 1)), j + 1,
  concat('Change ', {{word "g"}}), {{developer "'author'" "g"}}, {{h "bot" "g"}} % 20 = 0, 'merged', {{time "opened"}}, {{time "merged"}}, {{time "merged"}},
  {{sha "j" "0"}}, {{sha "j" "k"}}, 'main', concat({{word "g"}}, '-', toString(j)), k,
  if(kind = 'squash' AND {{h "told" "g"}} % 5 > 0, {{time "began"}}, NULL),
  if({{h "hotfix" "g"}} % 100 = 0, ['hotfix'], if({{h "label" "g"}} % 3 = 0, ['enhancement'], [])),
  if({{h "revert" "g"}} % 200 = 0 AND j > 0, [concat(repo, '#', toString(j))], [])
FROM ({{template "slots" .}}) WHERE kind != 'direct'
{{- end}}

{{define "reviews" -}}
INSERT INTO reviews (source, url, version, repo, change_id, review_id, reviewer, reviewer_is_bot, state, submitted_at)
SELECT 'github', concat('https://', repo, '/pull/', toString(j + 1), '#review-', toString(n)), {{version "at" "g"}}, repo, concat(repo, '#', toString(j + 1)),
  concat(repo, '#', toString(j + 1), '/', toString(n)), {{developer "concat('reviewer', toString(n))" "g"}}, 0, if(n = 1 AND many, 'changes_requested', 'approved'), {{time "at"}}
FROM (
  SELECT *, {{h "reviews" "g"}} % 2 = 1 AS many, n, opened + intDiv((merged - opened) * n, 2 + many) + 60000 AS at
  FROM ({{template "slots" .}}) ARRAY JOIN if({{h "reviews" "g"}} % 2 = 1, [1, 2], [1]) AS n
  WHERE kind != 'direct'
)
{{- end}}

{{define "builds" -}}
INSERT INTO builds (source, url, version, repo, build_id, pipeline, commit, branch, status, created_at, started_at, finished_at)
SELECT 'github', concat('https://', repo, '/actions/runs/', toString(g), '/job/', toString(n)), {{version "at + took" "g"}}, repo,
  concat(repo, '/', leftPad(toString(j), 6, '0'), '-', leftPad(toString(n), 2, '0')), ['build', 'test', 'lint', 'scan', 'package'][n % 5 + 1], sha,
  if(kind = 'direct', 'main', {{word "g"}}), if({{h "red" "g" "n"}} % 12 = 0, 'failure', 'success'),
  {{time "at"}}, {{time "at + 5000"}}, {{time "at + took"}}
FROM (
  SELECT *, n, merged - 900000 + n * 10000 AS at, toInt64(20000 + {{h "took" "g" "n"}} % 600000) AS took
  FROM (SELECT repo, g, j, kind, merged, {{sha "j" "if(kind = 'direct', 0, k)"}} AS sha FROM ({{template "slots" .}}))
  ARRAY JOIN range(toInt64({{.JobsPerSlot}})) AS n
)
{{- end}}

{{/* A point is one version of a service that is brought to staging and to
     production. Every fiftieth puts the version before the last back. */}}
{{define "points" -}}
SELECT *, least(toInt64(600000 + {{h "wait" "p"}} % 2400000), intDiv(next - ready, 2)) AS wait
FROM (
  SELECT *, if(back, {{slot "i - 2"}}, slot) AS j, {{at "slot"}} AS ready, if(i + 1 < points, {{at (slot "i + 1")}}, ready + 7200000) AS next
  FROM (
    SELECT s, r, repo, slots, services, nth, starts, points, regions, arrayJoin(range(points)) AS i, first_point + i AS p, {{slot "i"}} AS slot,
      i >= 2 AND {{h "rollback" "p"}} % 50 = 0 AS back, services = 1 AND r % 10 = 3 AS tagged
    FROM {{.Scratch}}.services WHERE s >= {{.From}} AND s < {{.To}}
  )
)
{{- end}}

{{define "deployments" -}}
INSERT INTO deployments (source, url, version, deployment_id, repo, service_ref, environment, commit, deployed_version, branch, status,
  created_at, started_at, finished_at, is_rollback)
SELECT 'github', concat('https://', repo, '/deployments/', toString(p), '-', toString(n)), {{version "at + took" "p"}},
  {{deployment "p" "n"}}, repo, if(services > 1, {{service "s"}}, ''),
  multiIf(n = 0, 'staging', regions = 1, 'production', n = 1, 'production-eu', 'production-us'), if(tagged, '', {{sha "j" "0"}}),
  concat('v1.', toString(if(back, i - 2, i)), '.0'), 'main', status, {{time "at"}}, {{time "at + 10000"}},
  {{time "at + took"}}, back AND {{h "said" "p"}} % 2 = 0
FROM (
  SELECT *, n, multiIf(n = 0 AND {{h "result" "p" "n"}} % 100 < 6, 'failure', {{h "result" "p" "n"}} % 100 < 3, 'failure', {{h "result" "p" "n"}} % 100 = 3, 'cancelled', 'success') AS status,
    ready + multiIf(n = 0, 60000, n = 1, wait, wait + 1800000) AS at, toInt64(60000 + {{h "deploys" "p" "n"}} % 300000) AS took
  FROM ({{template "points" .}}) ARRAY JOIN range(toInt64(regions + 1)) AS n
)
{{- end}}

{{define "tags" -}}
INSERT INTO tags (source, url, version, repo, name, commit, tagged_at)
SELECT 'github', concat('https://', repo, '/releases/tag/', name), {{version "ready" "p"}}, repo, concat('v1.', toString(i), '.0') AS name, {{sha "slot" "0"}}, {{time "ready"}}
FROM ({{template "points" .}}) WHERE tagged
{{- end}}

{{/* Incidents are spread over the points: of two, more than one begins soon after
     its release, the others any time in the weeks after. */}}
{{define "incidents" -}}
INSERT INTO incident_updates (source, url, version, incident_id, update_id, at, kind, service_refs, title, severity, cause)
SELECT 'pagerduty', concat('https://acme.pagerduty.com/incidents/', toString(q)), {{version "at" "q + n"}}, concat('pagerduty:Q', leftPad(toString(q), 7, '0')), toString(n), {{time "at"}},
  ['triggered', 'acknowledged', 'updated', 'resolved', 'reopened', 'resolved'][n], if(n = 1, [concat('pagerduty:P', leftPad(toString(s), 5, '0'))], []),
  if(n = 1, concat('Errors in ', {{word "q"}}), ''), if(n = 1, ['sev1', 'sev2', 'sev3', 'sev4'][1 + toUInt8(sqrt({{h "severity" "q"}} % 16))], ''),
  if(n = 3, multiIf({{h "named" "q"}} % 3 = 0 OR tagged, concat('v1.', toString(if(back, i - 2, i)), '.0'), {{h "named" "q"}} % 3 = 1, {{sha "j" "0"}}, {{deployment "p" "1"}}), '')
FROM (
  SELECT *, n, least(begins + multiIf(n = 1, 0, n = 2, 180000, n = 3, 600000, n = 4, lasts, n = 5, lasts + 900000, lasts + 2700000), {{.EndMillis}}) AS at
  FROM (
    SELECT *, intDiv(p * {{.Incidents}}, {{.Points}}) AS q, toInt64(900000 + 43200000 * pow({{u "lasts" "q"}}, 4)) AS lasts,
      ready + wait + 600000 + toInt64(if({{h "soon" "q"}} % 10 < 6, 14400000, 1814400000) * {{u "begins" "q"}}) AS begins
    FROM ({{template "points" .}}) WHERE intDiv((p + 1) * {{.Incidents}}, {{.Points}}) > intDiv(p * {{.Incidents}}, {{.Points}})
  ) ARRAY JOIN arrayFilter(x -> multiIf(x = 2, {{h "acknowledged" "q"}} % 5 > 0, x = 3, {{h "cause" "q"}} % 5 < 2, x = 4, {{h "open" "q"}} % 100 > 0, x > 4, {{h "open" "q"}} % 20 = 1, 1), range(1, 7)) AS n
)
{{- end}}

{{define "services" -}}
INSERT INTO services (source, url, version, service_id, name, kind, repo, paths, aliases, system, lifecycle, template, created_at)
SELECT 'backstage', concat('https://backstage.acme.example/catalog/', service), {{version "created" "s"}}, {{service "s"}} AS service, service, 'service', repo,
  if(services > 1, [concat('services/', toString(nth))], []), [concat('pagerduty:P', leftPad(toString(s), 5, '0')), concat('argocd:', service)], concat('system-', toString(s % 200)),
  'production', if({{h "template" "s"}} % 2 = 0, 'go-service', ''), {{time "created"}}
FROM (SELECT *, if(starts > 0, {{calendar "toInt64(starts * " .WorkMillis ")"}} - 3600000, {{.StartMillis}} - 63072000000) AS created FROM {{.Scratch}}.services)
{{- end}}

{{/* One service in twelve changes hands in the middle of the year. */}}
{{define "ownerships" -}}
INSERT INTO ownerships (source, version, service_id, valid_from, team_id)
SELECT 'backstage', {{version "since" "s"}}, {{service "s"}}, {{time "since"}}, {{team "s + n * 7"}}
FROM (SELECT *, n, {{.StartMillis}} + if(n = 0, -63072000000, 15724800000) AS since FROM {{.Scratch}}.services ARRAY JOIN if(s % 12 = 5, [0, 1], [0]) AS n)
{{- end}}

{{define "teams" -}}
INSERT INTO teams (source, version, team_id, name, kind, parent)
SELECT 'backstage', 1, {{team "number"}}, concat('Team ', toString(number)), if(number % 50 = 0, 'platform', 'stream'), concat('area-', toString(number % 20)) FROM numbers({{.Teams}})
{{- end}}

{{define "people" -}}
INSERT INTO people (source, version, person_id) SELECT 'backstage', 1, concat('person-', leftPad(toString(number), 5, '0')) FROM numbers({{.Developers}})
{{- end}}

{{define "identities" -}}
INSERT INTO identities (source, version, ref, person_id, how)
SELECT 'backstage', 1, concat('github:dev-', leftPad(toString(number), 5, '0')), concat('person-', leftPad(toString(number), 5, '0')), 'catalog' FROM numbers({{.Developers}})
{{- end}}

{{define "memberships" -}}
INSERT INTO memberships (source, version, person_id, team_id, valid_from, valid_to)
SELECT 'backstage', 1, concat('person-', leftPad(toString(number), 5, '0')), {{team "number + n"}}, {{time "if(n = 0, start, start + 15724800000)"}},
  if(n = 0 AND number % 20 = 3, {{time "start + 15724800000"}}, NULL)
FROM (SELECT number, {{.StartMillis}} AS start FROM numbers({{.Developers}})) ARRAY JOIN if(number % 20 = 3, [0, 1], [0]) AS n
{{- end}}

{{define "capabilities" -}}
INSERT INTO capabilities (source, version, capability_id, name, kind, released_at, mandated)
SELECT 'headway', 1, {{capability "number"}}, concat('Capability ', toString(number)), ['delivery', 'data', 'runtime', 'observability'][number % 4 + 1],
  if(number % 3 = 0, {{time (printf "%d + number * 1209600000" .StartMillis)}}, NULL), number = 7 FROM numbers({{.Capabilities}})
{{- end}}

{{/* A third names the team, a third the person, a third the service. */}}
{{define "capability_uses" -}}
INSERT INTO capability_uses (source, version, use_id, capability_id, at, action, qualifying, team_ref, service_ref, actor)
SELECT 'backstage', {{version "at" "number"}}, concat('use-', leftPad(toString(number), 9, '0')), {{capability "cap"}}, {{time "at"}},
  if(seen, 'view', 'run'), NOT seen, {{who "number"}}
FROM (SELECT number, {{moment "number" .Uses}} AS at, {{h "capability" "number"}} % {{.Capabilities}} AS cap, {{h "seen" "number"}} % 4 = 0 AS seen FROM numbers({{.From}}, {{.Count}}))
{{- end}}

{{define "requests" -}}
INSERT INTO requests (source, url, version, request_id, capability_id, template, channel, status, team_ref, service_ref, actor, human_steps, created_at, completed_at, minutes_saved)
SELECT 'backstage', concat('https://backstage.acme.example/tasks/', toString(number)), {{version "at" "number"}}, concat('request-', leftPad(toString(number), 9, '0')), {{capability "cap"}},
  concat('template-', toString(cap)), if(self, 'self_service', 'manual'), status, {{who "number"}}, if(self, {{h "approved" "number"}} % 10 = 0, 1), {{time "at"}},
  if(status = 'open', NULL, {{time "at + if(self, 60000, 3600000) + toInt64(if(self, 600000, 432000000) * pow(" (u "waits" "number") ", 3))"}}), if(self, 30, 0)
FROM (SELECT number, {{moment "number" .Requests}} AS at, {{h "capability" "number"}} % {{.Capabilities}} AS cap, {{h "self" "number"}} % 10 < 7 AS self,
  ['completed', 'failed', 'cancelled', 'open'][multiIf({{h "ends" "number"}} % 100 < 90, 1, {{h "ends" "number"}} % 100 < 96, 2, {{h "ends" "number"}} % 100 < 99, 3, 4)] AS status
  FROM numbers({{.From}}, {{.Count}}))
{{- end}}

{{define "tickets" -}}
INSERT INTO tickets (source, url, version, ticket_id, project, type, category, theme, title, status, capability_id, team_ref, service_ref, created_at, first_response_at, resolved_at, reopened)
SELECT 'jira', concat('https://acme.atlassian.net/browse/', project, '-', toString(number)), {{version "at" "number"}}, concat('jira:', leftPad(toString(number), 9, '0')),
  concat('P', toString(number % 40)) AS project, type, if(type = 'support', ['access', 'pipelines', 'databases', 'network', 'costs'][1 + {{h "category" "number"}} % 5], ''),
  if(type = 'feature', {{word "number"}}, ''), concat('About ', {{word "number"}}), if(open, 'open', 'done'), if(type IN ('support', 'feature', 'request'), {{capability (printf "%s %% %d" (h "capability" "number") .Capabilities)}}, ''),
  {{team (h "asks" "number")}}, if(type = 'bug', {{service (printf "%s %% %d" (h "service" "number") .Services)}}, ''), {{time "at"}}, {{time "at + 600000 + toInt64(86400000 * pow(" (u "responds" "number") ", 3))"}},
  if(open, NULL, {{time "at + 86400000 + toInt64(1209600000 * pow(" (u "resolves" "number") ", 2))"}}), {{h "reopened" "number"}} % 20 = 0
FROM (SELECT number, {{moment "number" .Tickets}} AS at, {{h "unsolved" "number"}} % 20 = 0 AS open,
  ['support', 'support', 'bug', 'bug', 'task', 'task', 'task', 'feature', 'request', 'incident'][1 + {{h "type" "number"}} % 10] AS type
  FROM numbers({{.From}}, {{.Count}}))
{{- end}}

{{/* Workloads move to the platform in the course of the year. */}}
{{define "workloads" -}}
INSERT INTO workloads (source, version, workload_id, day, cluster, namespace, name, kind, environment, tier, service_ref, team_ref, on_platform, platform_owned)
SELECT 'kubernetes', {{version "at" "w"}}, concat('k8s:', service, '/', toString(w)), {{time "at"}}, concat('cluster-', toString(w % 12)), service, service, 'Deployment',
  if(w % 10 < 7, 'production', 'staging'), if(w % 10 < 7, 'production', 'staging'), {{service "s"}} AS service, '',
  multiIf(w % 33 = 0, 'unknown', {{u "moves" "w"}} < 0.4 + 0.3 * day / {{.Days}}, 'yes', 'no'), w % 100 = 7
FROM (SELECT number % {{.Workloads}} AS w, w % {{.Services}} AS s, intDiv(number, {{.Workloads}}) AS day, {{.StartMillis}} + day * 86400000 AS at FROM numbers({{.From}}, {{.Count}}))
{{- end}}

{{define "survey_answers" -}}
INSERT INTO survey_answers (source, version, answer_id, survey_id, wave, question_id, question_version, kind, score, team_id, week)
SELECT 'survey', 1, lower(hex(sipHash128({{.Seed}}, 'answer', number))), 'developers', concat('wave-', toString(wave)), ['recommend', 'satisfied', 'tools', 'infrastructure'][q] AS question, 1,
  ['nps', 'csat', 'csat', 'share'][q], multiIf(q = 1, floor(11 * sqrt({{u "score" "number"}})), q = 4, round({{u "score" "number"}}, 2), 1 + floor(5 * sqrt({{u "score" "number"}}))),
  {{team "intDiv(number, 16)"}}, {{time (printf "%d + wave * 7862400000" .StartMillis)}}
FROM (SELECT number, number % 4 AS wave, 1 + intDiv(number, 4) % 4 AS q FROM numbers({{.Answers}}))
{{- end}}

{{define "survey_participation" -}}
INSERT INTO survey_participation (source, version, participation_id, survey_id, wave, step, team_id, week)
SELECT 'survey', 1, lower(hex(sipHash128({{.Seed}}, 'participation', number, step))), 'developers', concat('wave-', toString(wave)), step, {{team "intDiv(number, 4)"}}, {{time (printf "%d + wave * 7862400000" .StartMillis)}}
FROM (SELECT number, number % 4 AS wave FROM numbers({{.Developers}} * 4)) ARRAY JOIN if({{h "responds" "number"}} % 10 < 4, ['invited', 'responded'], ['invited']) AS step
{{- end}}
