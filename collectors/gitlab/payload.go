package gitlab

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// The objects of GitLab's webhooks and REST API, with the fields that are read.
// The two name and nest the same things differently; where they differ a struct
// has the fields of both.

// moment is a time in any of the forms that GitLab writes: RFC 3339, "2024-01-02
// 03:04:05 UTC", "2024-01-02 03:04:05 +0200". Zero when there is none.
type moment struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (m *moment) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("a time: %w", err)
	}
	m.Time = time.Time{}
	if s == "" {
		return nil
	}
	// Go reads fractions of a second that a layout does not name.
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05 UTC", "2006-01-02 15:04:05 -0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			m.Time = t.UTC()
			return nil
		}
	}
	return fmt.Errorf("time %.40q has none of GitLab's forms", s)
}

// ptr is nil when there is no time.
func (m moment) ptr() *time.Time {
	if m.IsZero() {
		return nil
	}
	return &m.Time
}

type project struct {
	ID                int64  `json:"id,omitempty"`
	WebURL            string `json:"web_url"`
	PathWithNamespace string `json:"path_with_namespace,omitempty"`
	DefaultBranch     string `json:"default_branch,omitempty"`
}

// envelope is what nearly every payload has.
type envelope struct {
	Project    project `json:"project"`
	Repository struct {
		Homepage string `json:"homepage"`
	} `json:"repository"`
	User *user `json:"user"`
}

// address of the project on the web.
func (e *envelope) address() string { return cmp.Or(e.Project.WebURL, e.Repository.Homepage) }

func (e *envelope) repo() string {
	if a := e.address(); a != "" {
		return schema.RepoID(a)
	}
	return ""
}

type user struct {
	ID       int64  `json:"id"`
	Username string `json:"username"`
}

// ref is the identity of a user, as identities are written everywhere.
func (u *user) ref() string {
	if u == nil || u.Username == "" {
		return ""
	}
	return Name + ":" + u.Username
}

// botName: access tokens of projects and groups, service accounts, and the names
// that people give to bots. GitLab marks no user as a bot in a payload.
var botName = regexp.MustCompile(`(?i)^(?:project|group)_[0-9]+_bot|^service_account_|[-_]bot$|\[bot\]$`)

func (u *user) isBot() uint8 {
	if u != nil && botName.MatchString(u.Username) {
		return 1
	}
	return 0
}

// labels are the titles of labels: webhooks write objects, the REST API strings.
type labels []string

// UnmarshalJSON implements json.Unmarshaler.
func (l *labels) UnmarshalJSON(b []byte) error {
	var names []string
	if json.Unmarshal(b, &names) == nil {
		*l = names
		return nil
	}
	var objects []struct {
		Title string `json:"title"`
	}
	if err := json.Unmarshal(b, &objects); err != nil {
		return fmt.Errorf("labels: %w", err)
	}
	*l = nil
	for _, o := range objects {
		*l = append(*l, o.Title)
	}
	return nil
}

type mergeRequest struct {
	IID             uint64 `json:"iid"`
	URL             string `json:"url"`
	WebURL          string `json:"web_url"`
	Title           string `json:"title"`
	Description     string `json:"description"`
	State           string `json:"state"`
	Action          string `json:"action"`
	AuthorID        int64  `json:"author_id"`
	Author          *user  `json:"author"`
	CreatedAt       moment `json:"created_at"`
	UpdatedAt       moment `json:"updated_at"`
	MergedAt        moment `json:"merged_at"`
	ClosedAt        moment `json:"closed_at"`
	SourceBranch    string `json:"source_branch"`
	TargetBranch    string `json:"target_branch"`
	SourceProjectID int64  `json:"source_project_id"`
	TargetProjectID int64  `json:"target_project_id"`
	LastCommit      struct {
		ID string `json:"id"`
	} `json:"last_commit"`
	SHA             string `json:"sha"`
	MergeCommitSHA  string `json:"merge_commit_sha"`
	SquashCommitSHA string `json:"squash_commit_sha"`
	Squash          bool   `json:"squash"`
	Labels          labels `json:"labels"`
}

// commit of a push, or of the REST API.
type commit struct {
	ID            string    `json:"id"`
	Message       string    `json:"message"`
	URL           string    `json:"url"`
	WebURL        string    `json:"web_url"`
	Timestamp     moment    `json:"timestamp"`
	AuthoredDate  moment    `json:"authored_date"`
	CommittedDate moment    `json:"committed_date"`
	ParentIDs     []string  `json:"parent_ids"`
	Added         *[]string `json:"added"`
	Modified      []string  `json:"modified"`
	Removed       []string  `json:"removed"`
}

type environment struct {
	ID             int64  `json:"id"`
	Name           string `json:"name"`
	Action         string `json:"action"`
	DeploymentTier string `json:"deployment_tier"`
}

// job of a pipeline's webhook, or that of a deployment in the REST API.
type job struct {
	ID            int64        `json:"id"`
	Name          string       `json:"name"`
	Status        string       `json:"status"`
	FailureReason string       `json:"failure_reason"`
	CreatedAt     moment       `json:"created_at"`
	StartedAt     moment       `json:"started_at"`
	FinishedAt    moment       `json:"finished_at"`
	WebURL        string       `json:"web_url"`
	Environment   *environment `json:"environment"`
}

type issue struct {
	IID            uint64 `json:"iid"`
	URL            string `json:"url"`
	WebURL         string `json:"web_url"`
	Title          string `json:"title"`
	Description    string `json:"description"`
	State          string `json:"state"`
	Action         string `json:"action"`
	Confidential   bool   `json:"confidential"`
	Type           string `json:"type"`
	IssueType      string `json:"issue_type"`
	Severity       string `json:"severity"`
	CreatedAt      moment `json:"created_at"`
	UpdatedAt      moment `json:"updated_at"`
	ClosedAt       moment `json:"closed_at"`
	MovedToID      int64  `json:"moved_to_id"`
	DuplicatedToID int64  `json:"duplicated_to_id"`
	Labels         labels `json:"labels"`
}

// kind of work item, in lower case: "issue", "incident", "task".
func (i *issue) kind() string {
	return strings.ToLower(cmp.Or(i.IssueType, i.Type))
}
