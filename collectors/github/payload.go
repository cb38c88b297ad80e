package github

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// The objects of GitHub's API, with the fields that are read. Payloads of
// webhooks and of the REST API differ in fields that are not read here.

type repository struct {
	ID            int64  `json:"id,omitempty"`
	HTMLURL       string `json:"html_url"`
	FullName      string `json:"full_name"`
	DefaultBranch string `json:"default_branch,omitempty"`
	Archived      bool   `json:"archived,omitempty"`
	Fork          bool   `json:"fork,omitempty"`
	// PushedAt is seconds in push payloads and RFC 3339 elsewhere.
	PushedAt moment `json:"pushed_at,omitzero"`
}

func (r repository) id() string { return schema.RepoID(r.HTMLURL) }

// moment reads a time in seconds or RFC 3339; anything else is no time.
type moment struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (m *moment) UnmarshalJSON(b []byte) error {
	var seconds int64
	if json.Unmarshal(b, &seconds) == nil {
		if seconds > 0 {
			m.Time = time.Unix(seconds, 0).UTC()
		}
		return nil
	}
	if err := m.Time.UnmarshalJSON(b); err != nil {
		m.Time = time.Time{}
	}
	return nil
}

type user struct {
	Login string `json:"login"`
	Type  string `json:"type"`
}

// ref is the identity of a user, as identities are written everywhere.
func (u *user) ref() string {
	if u == nil || u.Login == "" {
		return ""
	}
	return "github:" + u.Login
}

func (u *user) isBot() uint8 {
	if u != nil && (u.Type == "Bot" || strings.HasSuffix(u.Login, "[bot]")) {
		return 1
	}
	return 0
}

type labelled struct {
	Name string `json:"name"`
}

func labelNames(labels []labelled) []string {
	out := make([]string, 0, len(labels))
	for _, l := range labels {
		out = append(out, l.Name)
	}
	return out
}

type side struct {
	Ref  string      `json:"ref"`
	SHA  string      `json:"sha"`
	Repo *repository `json:"repo"`
}

type pullRequest struct {
	Number         uint64     `json:"number"`
	HTMLURL        string     `json:"html_url"`
	Title          string     `json:"title"`
	Body           string     `json:"body"`
	State          string     `json:"state"`
	User           *user      `json:"user"`
	CreatedAt      time.Time  `json:"created_at"`
	UpdatedAt      time.Time  `json:"updated_at"`
	ClosedAt       *time.Time `json:"closed_at"`
	MergedAt       *time.Time `json:"merged_at"`
	MergeCommitSHA string     `json:"merge_commit_sha"`
	Head           side       `json:"head"`
	Base           side       `json:"base"`
	Labels         []labelled `json:"labels"`
	Commits        uint32     `json:"commits"`
}

type review struct {
	ID          int64      `json:"id"`
	HTMLURL     string     `json:"html_url"`
	User        *user      `json:"user"`
	State       string     `json:"state"`
	SubmittedAt *time.Time `json:"submitted_at"`
}

type deployment struct {
	ID                    int64           `json:"id"`
	SHA                   string          `json:"sha"`
	Ref                   string          `json:"ref"`
	Environment           string          `json:"environment"`
	ProductionEnvironment bool            `json:"production_environment"`
	Payload               json.RawMessage `json:"payload"`
	CreatedAt             time.Time       `json:"created_at"`
	UpdatedAt             time.Time       `json:"updated_at"`
}

type deploymentStatus struct {
	State       string    `json:"state"`
	Environment string    `json:"environment"`
	TargetURL   string    `json:"target_url"`
	LogURL      string    `json:"log_url"`
	CreatedAt   time.Time `json:"created_at"`
}

type workflowRun struct {
	ID           int64      `json:"id"`
	Name         string     `json:"name"`
	Path         string     `json:"path"`
	HTMLURL      string     `json:"html_url"`
	HeadBranch   string     `json:"head_branch"`
	HeadSHA      string     `json:"head_sha"`
	Status       string     `json:"status"`
	Conclusion   string     `json:"conclusion"`
	RunAttempt   int64      `json:"run_attempt"`
	CreatedAt    time.Time  `json:"created_at"`
	RunStartedAt *time.Time `json:"run_started_at"`
	UpdatedAt    time.Time  `json:"updated_at"`
}

type issue struct {
	Number      uint64          `json:"number"`
	HTMLURL     string          `json:"html_url"`
	Title       string          `json:"title"`
	State       string          `json:"state"`
	StateReason string          `json:"state_reason"`
	Labels      []labelled      `json:"labels"`
	CreatedAt   time.Time       `json:"created_at"`
	UpdatedAt   time.Time       `json:"updated_at"`
	ClosedAt    *time.Time      `json:"closed_at"`
	PullRequest json.RawMessage `json:"pull_request"`
}

// pushCommit is a commit of a push; restCommit is one of the REST API.
type pushCommit struct {
	ID        string    `json:"id"`
	Message   string    `json:"message"`
	Timestamp time.Time `json:"timestamp"`
	URL       string    `json:"url"`
	Added     []string  `json:"added"`
	Modified  []string  `json:"modified"`
	Removed   []string  `json:"removed"`
}

type restCommit struct {
	SHA     string `json:"sha"`
	HTMLURL string `json:"html_url"`
	Commit  struct {
		Message string `json:"message"`
		Author  struct {
			Date time.Time `json:"date"`
		} `json:"author"`
		Committer struct {
			Date time.Time `json:"date"`
		} `json:"committer"`
	} `json:"commit"`
	Parents []struct {
		SHA string `json:"sha"`
	} `json:"parents"`
}

// payload is the union of the webhook payloads and REST envelopes that are read.
type payload struct {
	Action     string     `json:"action"`
	Repository repository `json:"repository"`

	Ref        string       `json:"ref"`
	Before     string       `json:"before"`
	After      string       `json:"after"`
	Created    bool         `json:"created"`
	Deleted    bool         `json:"deleted"`
	Forced     bool         `json:"forced"`
	Commits    []pushCommit `json:"commits"`
	HeadCommit *pushCommit  `json:"head_commit"`

	PullRequest      *pullRequest      `json:"pull_request"`
	Review           *review           `json:"review"`
	Deployment       *deployment       `json:"deployment"`
	DeploymentStatus *deploymentStatus `json:"deployment_status"`
	WorkflowRun      *workflowRun      `json:"workflow_run"`
	Issue            *issue            `json:"issue"`
	Label            *labelled         `json:"label"`
	Release          *release          `json:"release"`

	// Only in REST envelopes.
	RESTCommit  *restCommit        `json:"rest_commit"`
	FirstCommit *restCommit        `json:"first_commit"`
	CommitCount uint32             `json:"commit_count"`
	Statuses    []deploymentStatus `json:"statuses"`
}

type release struct {
	TagName         string     `json:"tag_name"`
	TargetCommitish string     `json:"target_commitish"`
	HTMLURL         string     `json:"html_url"`
	Draft           bool       `json:"draft"`
	CreatedAt       time.Time  `json:"created_at"`
	PublishedAt     *time.Time `json:"published_at"`
}
