package derive

import "slices"

// The statements of the deriver. Facts are read with FINAL (invariant 6), which
// also hides deleted rows. Names are looked for without it: a superset does no
// harm there, and what a fact said before it was corrected must be found too.
const (
	selectServices = `SELECT source, url, version, is_deleted, service_id, name, kind, repo, paths, aliases, system, lifecycle, template, created_at
FROM services ORDER BY version DESC LIMIT 1 BY service_id`

	selectNames = `SELECT version, repo_uid, since, repo, before FROM repo_names FINAL`

	selectNow = `SELECT toUInt64(toUnixTimestamp64Milli(now64(3))) AS at`

	selectDeployedNames = `SELECT DISTINCT service_ref, repo FROM deployments
WHERE {all:UInt8} = 1 OR repo IN {repos:Array(String)} OR service_ref IN {refs:Array(String)}`

	selectIncidentNames = `SELECT DISTINCT arrayJoin(service_refs) AS name FROM incident_updates
WHERE {all:UInt8} = 1 OR incident_id IN {incidents:Array(String)}`

	selectDerivedServices = `SELECT DISTINCT service_id AS name FROM releases
UNION DISTINCT SELECT DISTINCT service_id AS name FROM changes_deployed
UNION DISTINCT SELECT DISTINCT service_id AS name FROM incidents`

	// Two arms, because an index of one column does not help where another may match.
	deploymentColumns = `url, version, deployment_id, repo, service_ref, environment, tier_hint, commit, deployed_version, branch, status, created_at, started_at, finished_at, is_rollback`
	selectDeployments = `SELECT ` + deploymentColumns + ` FROM deployments FINAL WHERE repo IN {repos:Array(String)}
UNION ALL
SELECT ` + deploymentColumns + ` FROM deployments FINAL WHERE service_ref IN {refs:Array(String)} AND repo NOT IN {repos:Array(String)}`

	// Few deployments are found by an index, many by a set.
	fewDeployments    = 200
	selectHolders     = `SELECT DISTINCT service_id AS name FROM releases WHERE hasAny(deployments, {deployments:Array(String)})`
	selectManyHolders = `SELECT DISTINCT service_id AS name FROM releases WHERE arrayExists(d -> d IN (SELECT arrayJoin({deployments:Array(String)})), deployments)`

	selectApplied = `SELECT service_id, version, is_deleted, repo, paths, aliases, created_at FROM applied_services ORDER BY version DESC LIMIT 1 BY service_id`

	selectIncidentUpdates = `SELECT source, url, version, is_deleted, incident_id, update_id, at, kind, service_refs, title, severity, started_at, cause
FROM incident_updates FINAL
WHERE incident_id IN (SELECT incident_id FROM incident_updates WHERE hasAny(service_refs, {refs:Array(String)}))`

	selectOwnerships = `SELECT source, url, version, is_deleted, service_id, valid_from, team_id, claim, patterns, teams FROM ownerships FINAL WHERE service_id IN {services:Array(String)}`

	selectPrints = `SELECT repo, 'commits' AS kind, count() AS rows, groupBitXor(cityHash64(sha, version)) AS print FROM commits FINAL WHERE repo IN {repos:Array(String)} GROUP BY repo
UNION ALL SELECT repo, 'tags', count(), groupBitXor(cityHash64(name, version)) FROM tags FINAL WHERE repo IN {repos:Array(String)} GROUP BY repo
UNION ALL SELECT repo, 'changes', count(), groupBitXor(cityHash64(change_id, version)) FROM changes FINAL WHERE repo IN {repos:Array(String)} GROUP BY repo
UNION ALL SELECT repo, 'reviews', count(), groupBitXor(cityHash64(change_id, review_id, version)) FROM reviews FINAL WHERE repo IN {repos:Array(String)} GROUP BY repo`

	// More than there are, while a commit has several versions.
	selectCommitCounts = `SELECT repo, count() AS rows FROM commits WHERE repo IN {repos:Array(String)} GROUP BY repo`

	// Buckets and hashes are those of buckets(). A sum, since equal rows under several
	// names of one repository would cancel out.
	selectBuckets = `SELECT toUInt64(xxHash64(sha) % 4096) AS bucket, count() AS rows, sum(xxHash64(sha) * (2 * version + 1)) AS print
FROM commits FINAL WHERE repo IN {repos:Array(String)} GROUP BY bucket`
	selectCommitVersions = `SELECT sha, version FROM commits FINAL
WHERE repo IN {repos:Array(String)} AND toString(xxHash64(sha) % 4096) IN {buckets:Array(String)} ORDER BY version`

	// Lists come as texts; see textStore.
	commitColumns = `url, version, repo, sha, authored_at, committed_at, title, cherry_picked_from, paths_known,
  arrayStringConcat(arrayMap(x -> concat(x, '\0'), parents)) AS parents_text,
  arrayStringConcat(arrayMap(x -> concat(x, '\0'), reverts)) AS reverts_text, arrayStringConcat(arrayMap(x -> concat(x, '\0'), paths)) AS paths_text`
	selectCommits = `SELECT ` + commitColumns + ` FROM commits FINAL WHERE repo IN {repos:Array(String)} ORDER BY repo, sha`

	selectCommitsAmong = `SELECT ` + commitColumns + ` FROM commits FINAL WHERE repo IN {repos:Array(String)} AND sha IN {shas:Array(String)}`

	selectTags = `SELECT version, repo, name, commit FROM tags FINAL WHERE repo IN {repos:Array(String)} ORDER BY repo, name`

	selectChanges = `SELECT url, version, repo, change_id, number, title, author, state, opened_at, merged_at, merge_sha, head_sha, base_sha, base_branch, head_branch, commit_count, first_commit_at,
  arrayStringConcat(arrayMap(x -> concat(x, '\0'), labels)) AS labels_text, arrayStringConcat(arrayMap(x -> concat(x, '\0'), reverts)) AS reverts_text
FROM changes FINAL WHERE repo IN {repos:Array(String)} ORDER BY repo, change_id`

	selectReviews = `SELECT version, repo, change_id, review_id, reviewer, reviewer_is_bot, submitted_at FROM reviews FINAL WHERE repo IN {repos:Array(String)} ORDER BY repo, change_id, review_id`
)

// Of derived rows only what tells them apart is read, tombstones included, which
// FINAL would hide: a row that comes back must have a higher version than its
// tombstone.
const (
	selectReleases = `SELECT service_id, release_id AS id, max(version) AS newest, argMax(is_deleted, version) AS deleted, argMax(content, version) AS print
FROM releases WHERE service_id IN {services:Array(String)} GROUP BY service_id, release_id ORDER BY service_id, release_id`

	selectChangesDeployed = `SELECT service_id, change_id AS id, max(version) AS newest, argMax(is_deleted, version) AS deleted, argMax(content, version) AS print
FROM changes_deployed WHERE service_id IN {services:Array(String)} GROUP BY service_id, change_id ORDER BY service_id, change_id`

	selectIncidents = `SELECT service_id, incident_id AS id, max(version) AS newest, argMax(is_deleted, version) AS deleted, argMax(content, version) AS print
FROM incidents WHERE service_id IN {services:Array(String)} GROUP BY service_id, incident_id ORDER BY service_id, incident_id`
)

// array is a parameter of type Array(String): sorted, each once, never nil.
func array(names []string) []string {
	out := append([]string{}, names...)
	slices.Sort(out)
	return slices.Compact(out)
}

func flag(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}
