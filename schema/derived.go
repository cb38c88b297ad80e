package schema

import "time"

// Rules that a derived row can name as its reason. Evidence beside it says
// which row made the rule apply.
const (
	// FailureExplicit: an incident or API call names the deployment, version or commit.
	FailureExplicit = "explicit"
	// FailureRollback: a later release puts back a version deployed earlier.
	FailureRollback = "rollback"
	// FailureRevert: a later release carries a change that reverts a change of this one.
	FailureRevert = "revert"
	// FailureHotfix: a later release carries a change labelled as hotfix.
	FailureHotfix = "hotfix"
	// FailureTime: an incident of the service began within the window after the
	// release and before the next; a heuristic.
	FailureTime = "time"

	// RecoveryResolved: the incident was resolved first.
	RecoveryResolved = "incident_resolved"
	// RecoveryRollback: the release that put an earlier version back finished first.
	RecoveryRollback = "rollback"
	// RecoveryFix: the release with the revert or hotfix finished first.
	RecoveryFix = "fix"

	// LinkAncestor: the merge commit is the release's commit or its ancestor.
	LinkAncestor = "ancestor"
	// LinkCherryPick: a deployed commit names the change's commit as its original.
	LinkCherryPick = "cherry_pick"
	// LinkCommit: a commit of the deployed branch that belongs to no request.
	LinkCommit = "commit"

	// ChangeKindRequest and ChangeKindCommit are the kinds of a change.
	ChangeKindRequest = "request"
	ChangeKindCommit  = "commit"

	// ExcludedNegative: the release finished before the change began.
	ExcludedNegative = "negative"
	// ExcludedAbsurd: a time of the row lies outside what can be believed.
	ExcludedAbsurd = "absurd_time"
	// ExcludedUnknown: it is not known when work on the change began.
	ExcludedUnknown = "unknown_start"

	// ReworkIncident: the last release to finish while an incident that names an
	// earlier release was open. The other rules of rework are FailureRollback,
	// FailureRevert and FailureHotfix.
	ReworkIncident = "incident"
)

// DerivedMeta is what every derived row carries. Version grows each time the row
// changes, and is higher for rows from newer facts; Deleted marks a row that no
// longer follows from the facts, of which only the key is kept.
type DerivedMeta struct {
	ServiceID string `ch:"service_id"`
	// TeamID owned the service when the thing happened; "" is unowned.
	TeamID  string `ch:"team_id"`
	Version uint64 `ch:"version"`
	Deleted uint8  `ch:"is_deleted"`
	// Content is a hash of everything else, by which a recomputation tells what
	// differs; 0 in rows older than the column.
	Content uint64 `ch:"content"`
}

// Release is one version of a service put into production: the deployments of
// one version within the fan-out window. Only finished production deployments
// take part; Succeeded is 0 when none of them succeeded.
type Release struct {
	DerivedMeta
	// ReleaseID is the id of its earliest deployment.
	ReleaseID       string    `ch:"release_id"`
	Repo            string    `ch:"repo"`
	Commit          string    `ch:"commit"`
	DeployedVersion string    `ch:"deployed_version"`
	Environments    []string  `ch:"environments"`
	Deployments     []string  `ch:"deployments"`
	StartedAt       time.Time `ch:"started_at"`
	// FinishedAt is when the last deployment of the fan-out finished.
	FinishedAt time.Time `ch:"finished_at"`
	Succeeded  uint8     `ch:"succeeded"`
	// Baseline releases claim no changes: what came before is unknown.
	Baseline uint8 `ch:"baseline"`
	// CommitKnown is 0 when the release's commit is not in the commit graph.
	CommitKnown uint8  `ch:"commit_known"`
	Changes     uint32 `ch:"changes"`
	URL         string `ch:"url"`

	// Failed is 1 when there is failure evidence; FailureRule names it.
	Failed          uint8      `ch:"failed"`
	FailureRule     string     `ch:"failure_rule"`
	FailureEvidence string     `ch:"failure_evidence"`
	FailureURL      string     `ch:"failure_url"`
	FailedAt        *time.Time `ch:"failed_at"`
	RecoveredAt     *time.Time `ch:"recovered_at"`
	RecoveryRule    string     `ch:"recovery_rule"`
	// RecoveryEvidence is the incident or release that ended the failure.
	RecoveryEvidence string `ch:"recovery_evidence"`

	// Rework is 1 when the release is unplanned repair of an earlier one.
	Rework         uint8  `ch:"rework"`
	ReworkRule     string `ch:"rework_rule"`
	ReworkEvidence string `ch:"rework_evidence"`
	// Excluded is why the release's times are not used in medians, or "".
	Excluded string `ch:"excluded"`
}

// ChangeDeployed links a change to the first successful production release of
// a service that contains it.
type ChangeDeployed struct {
	DerivedMeta
	// ChangeID is Change.ChangeID, or RepoID@SHA for a commit without request.
	ChangeID  string `ch:"change_id"`
	ReleaseID string `ch:"release_id"`
	Repo      string `ch:"repo"`
	Kind      string `ch:"kind"`
	Title     string `ch:"title"`
	URL       string `ch:"url"`
	// Rule and Evidence say why the change belongs to the release.
	Rule     string `ch:"rule"`
	Evidence string `ch:"evidence"`

	FirstCommitAt *time.Time `ch:"first_commit_at"`
	OpenedAt      *time.Time `ch:"opened_at"`
	FirstReviewAt *time.Time `ch:"first_review_at"`
	MergedAt      *time.Time `ch:"merged_at"`
	DeployedAt    time.Time  `ch:"deployed_at"`

	// Stages in seconds; nil when an end of the stage is missing or it is negative.
	CodingSeconds         *float64 `ch:"coding_seconds"`
	PickupSeconds         *float64 `ch:"pickup_seconds"`
	ReviewSeconds         *float64 `ch:"review_seconds"`
	DeploySeconds         *float64 `ch:"deploy_seconds"`
	LeadSeconds           *float64 `ch:"lead_seconds"`
	MergeToProductionSecs *float64 `ch:"merge_to_production_seconds"`
	// Excluded is why LeadSeconds is nil although the change is deployed, or "".
	Excluded string `ch:"excluded"`

	// FilesKnown is 1 when it is known which files the commit touches that the change
	// made on the deployed branch; InfrastructurePath is the first of them that
	// describes infrastructure, or "".
	FilesKnown         uint8  `ch:"files_known"`
	InfrastructurePath string `ch:"infrastructure_path"`
}

// Incident is the state of an incident for one service, folded from its updates.
type Incident struct {
	DerivedMeta
	IncidentID string     `ch:"incident_id"`
	Source     string     `ch:"source"`
	Title      string     `ch:"title"`
	Severity   string     `ch:"severity"`
	StartedAt  time.Time  `ch:"started_at"`
	ResolvedAt *time.Time `ch:"resolved_at"`
	Reopened   uint32     `ch:"reopened"`
	URL        string     `ch:"url"`
	// ReleaseID is the one release that the incident marks as failed, or "".
	ReleaseID string `ch:"release_id"`
	// Rule is FailureExplicit or FailureTime when ReleaseID is set.
	Rule string `ch:"rule"`
	// Excluded is why the duration is not used in medians, or "".
	Excluded string `ch:"excluded"`
}

// ReleaseTable is the ClickHouse table of Release rows.
const ReleaseTable = "releases"

// ChangeDeployedTable is the ClickHouse table of ChangeDeployed rows.
const ChangeDeployedTable = "changes_deployed"

// IncidentTable is the ClickHouse table of Incident rows.
const IncidentTable = "incidents"
