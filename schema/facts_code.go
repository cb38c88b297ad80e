package schema

import "time"

// Names of repositories are RepoID values everywhere: lower-case host and path
// without scheme or ".git": "github.com/acme/shop".

// Commit is one commit of a repository. It names no author: delivery is never
// attributed to a person.
type Commit struct {
	Meta
	Repo        string    `ch:"repo"`
	SHA         string    `ch:"sha"`
	Parents     []string  `ch:"parents"`
	AuthoredAt  time.Time `ch:"authored_at"`
	CommittedAt time.Time `ch:"committed_at"`
	// Title is the first line of the message.
	Title string `ch:"title"`
	// CherryPickedFrom is the SHA in "(cherry picked from commit …)", or "".
	CherryPickedFrom string `ch:"cherry_picked_from"`
	// Reverts lists the SHAs in "This reverts commit …".
	Reverts []string `ch:"reverts"`
	// Paths are the files touched, when PathsKnown is 1.
	Paths      []string `ch:"paths"`
	PathsKnown uint8    `ch:"paths_known"`
}

func (*Commit) Table() string           { return "commits" }
func (c *Commit) FactID() string        { return c.Repo + "@" + c.SHA }
func (c *Commit) DirtyKeys() []DirtyKey { return []DirtyKey{DirtyRepo(c.Repo)} }

// Tag is a named version of a repository.
type Tag struct {
	Meta
	Repo     string    `ch:"repo"`
	Name     string    `ch:"name"`
	Commit   string    `ch:"commit"`
	TaggedAt time.Time `ch:"tagged_at"`
}

func (*Tag) Table() string           { return "tags" }
func (t *Tag) FactID() string        { return t.Repo + "@" + t.Name }
func (t *Tag) DirtyKeys() []DirtyKey { return []DirtyKey{DirtyRepo(t.Repo)} }

// States of a Change.
const (
	ChangeOpen   = "open"
	ChangeMerged = "merged"
	ChangeClosed = "closed"
)

// Change is a pull or merge request. Author and reviewers are kept only to tell
// a review by another from the author's own; no query shows them.
type Change struct {
	Meta
	Repo string `ch:"repo"`
	// ChangeID is RepoID#number.
	ChangeID    string     `ch:"change_id"`
	Number      uint64     `ch:"number"`
	Title       string     `ch:"title"`
	Author      string     `ch:"author"`
	AuthorIsBot uint8      `ch:"author_is_bot"`
	State       string     `ch:"state"`
	OpenedAt    time.Time  `ch:"opened_at"`
	MergedAt    *time.Time `ch:"merged_at"`
	ClosedAt    *time.Time `ch:"closed_at"`
	// MergeSHA is the commit that the merge produced on the base branch; set
	// only when State is merged.
	MergeSHA   string `ch:"merge_sha"`
	HeadSHA    string `ch:"head_sha"`
	BaseSHA    string `ch:"base_sha"`
	BaseBranch string `ch:"base_branch"`
	HeadBranch string `ch:"head_branch"`
	// CommitCount is the number of commits on the head branch; 0 is unknown.
	CommitCount uint32 `ch:"commit_count"`
	// FirstCommitAt is the earliest author time when the sender tells it
	// (backfill lists the commits); else the commit graph decides.
	FirstCommitAt *time.Time `ch:"first_commit_at"`
	Labels        []string   `ch:"labels"`
	// Reverts names what it takes back: change ids or SHAs.
	Reverts []string `ch:"reverts"`
}

func (*Change) Table() string           { return "changes" }
func (c *Change) FactID() string        { return c.ChangeID }
func (c *Change) DirtyKeys() []DirtyKey { return []DirtyKey{DirtyRepo(c.Repo)} }

// Review is one submitted review of a change.
type Review struct {
	Meta
	Repo          string    `ch:"repo"`
	ChangeID      string    `ch:"change_id"`
	ReviewID      string    `ch:"review_id"`
	Reviewer      string    `ch:"reviewer"`
	ReviewerIsBot uint8     `ch:"reviewer_is_bot"`
	State         string    `ch:"state"`
	SubmittedAt   time.Time `ch:"submitted_at"`
}

func (*Review) Table() string           { return "reviews" }
func (r *Review) FactID() string        { return r.ReviewID }
func (r *Review) DirtyKeys() []DirtyKey { return []DirtyKey{DirtyRepo(r.Repo)} }

// Statuses of a Build and of a Deployment. A skipped or superseded job is
// neither: normalisers ignore it by name.
const (
	StatusPending   = "pending"
	StatusRunning   = "running"
	StatusSuccess   = "success"
	StatusFailure   = "failure"
	StatusCancelled = "cancelled"
)

// Build is one run of a pipeline that does not deploy.
type Build struct {
	Meta
	Repo       string     `ch:"repo"`
	BuildID    string     `ch:"build_id"`
	Pipeline   string     `ch:"pipeline"`
	Commit     string     `ch:"commit"`
	Branch     string     `ch:"branch"`
	Status     string     `ch:"status"`
	CreatedAt  time.Time  `ch:"created_at"`
	StartedAt  *time.Time `ch:"started_at"`
	FinishedAt *time.Time `ch:"finished_at"`
}

func (*Build) Table() string         { return "builds" }
func (b *Build) FactID() string      { return b.BuildID }
func (*Build) DirtyKeys() []DirtyKey { return nil }

// Deployment is one attempt to put a version of a service into an environment.
type Deployment struct {
	Meta
	DeploymentID string `ch:"deployment_id"`
	// Repo that holds the deployed code, or "" when the sender does not say.
	Repo string `ch:"repo"`
	// ServiceRef is what the sender calls the service ("argocd:shop",
	// "checkout"), matched against Service.ID and Service.Aliases. Empty means
	// the service of Repo.
	ServiceRef  string `ch:"service_ref"`
	Environment string `ch:"environment"`
	// TierHint is the tier that the sender states, one of the Tier constants, or "".
	TierHint string `ch:"tier_hint"`
	// Commit is a full SHA of Repo, or "" when only Version is known; the
	// pipeline then resolves Version by tag or SHA prefix.
	Commit     string     `ch:"commit"`
	Version    string     `ch:"deployed_version"`
	Branch     string     `ch:"branch"`
	Status     string     `ch:"status"`
	CreatedAt  time.Time  `ch:"created_at"`
	StartedAt  *time.Time `ch:"started_at"`
	FinishedAt *time.Time `ch:"finished_at"`
	// IsRollback is 1 when the sender itself says that this puts back an
	// earlier version.
	IsRollback uint8 `ch:"is_rollback"`
}

func (*Deployment) Table() string    { return "deployments" }
func (d *Deployment) FactID() string { return d.DeploymentID }

// DirtyKeys names the service, and the deployment itself, since an earlier version
// of it may have named another.
func (d *Deployment) DirtyKeys() []DirtyKey {
	if d.ServiceRef != "" {
		return []DirtyKey{DirtyRef(d.ServiceRef), DirtyDeployment(d.DeploymentID)}
	}
	return []DirtyKey{DirtyRepo(d.Repo), DirtyDeployment(d.DeploymentID)}
}

// RepoName says that from Since on a repository is called Repo. Facts keep the name
// under which they were told; the pipeline takes those of all names for one
// repository, under the last of them.
type RepoName struct {
	Meta
	// UID is by what the provider knows the repository for good: "github.com:1296269".
	UID   string    `ch:"repo_uid"`
	Since time.Time `ch:"since"`
	Repo  string    `ch:"repo"`
	// Before is the name that it had, or "".
	Before string `ch:"before"`
}

func (*RepoName) Table() string    { return "repo_names" }
func (r *RepoName) FactID() string { return r.UID + "@" + keyTime(r.Since) + "@" + r.Repo }

// DirtyKeys names both; the pipeline knows the others.
func (r *RepoName) DirtyKeys() []DirtyKey {
	return []DirtyKey{DirtyRepo(r.Repo), DirtyRepo(r.Before), DirtyNames}
}
