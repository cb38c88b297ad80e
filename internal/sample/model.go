package sample

import (
	"slices"
	"strings"
	"time"
)

// History is everything that happened. Its slices are in order of time where
// they have one.
type History struct {
	Seed       uint64
	Start, End time.Time

	Teams  []Team
	People []Person
	// Newcomers join while the records run. The catalogue of the portal does not
	// know since when somebody is there, so they are told by hand.
	Newcomers    []Person
	Services     []*Service
	Repos        []*Repo
	Capabilities []Capability
	Templates    []Template

	Incidents []*Incident
	Tickets   []*Ticket
	Requests  []*Request
	Uses      []Use
	Workloads []Workload
	Answers   []Answer

	Scans    []Scan
	Findings []Finding
	Policies []PolicyResult
	Costs    []Cost
}

// Team is a stream-aligned team or the platform team.
type Team struct {
	ID, Name string
	Platform bool
}

// Person is a developer. Login is the name in GitHub, and the Backstage user.
type Person struct {
	Login string
	Team  string
	Bot   bool
	// Joined is when the person joined the team; zero is before the history.
	Joined time.Time
}

// Channel is how the deployments of a service become known.
type Channel string

// Channels of the sample.
const (
	ByGitHub   Channel = "github"
	ByGitOps   Channel = "gitops"
	ByCDEvents Channel = "cdevents"
	ByAPI      Channel = "api"
	ByTag      Channel = "tag"
)

// Cadence is how often a service is released.
type Cadence string

// Cadences of the sample.
const (
	Continuous Cadence = "continuous"
	Daily      Cadence = "daily"
	Weekly     Cadence = "weekly"
)

// Service is one deployable.
type Service struct {
	ID      string
	Repo    *Repo
	Path    string // "" is the whole repository
	Channel Channel
	Cadence Cadence
	// Regions are the production environments; more than one is a fan-out.
	Regions []string
	// Owners in order; the first owns from the beginning.
	Owners []Owner
	// CreatedAt is zero for a service older than the history.
	CreatedAt time.Time
	Template  string
	// OnPlatformFrom is when the service moved to the platform; zero is never.
	OnPlatformFrom time.Time
	PagerDutyID    string
	// FailureRate is the share of changes that break production, BadQuarter the
	// share during the bad quarter of its team.
	FailureRate, BadQuarter float64

	Deployments []*Deployment
}

// Owner is a team that owns a service from a time on.
type Owner struct {
	Team string
	From time.Time
}

// OwnerAt is the team that owns the service at a time.
func (s *Service) OwnerAt(at time.Time) string {
	team := s.Owners[0].Team
	for _, o := range s.Owners[1:] {
		if !at.Before(o.From) {
			team = o.Team
		}
	}
	return team
}

// MergeKind is how a repository merges.
type MergeKind string

// Merge kinds; Trunk has no requests.
const (
	Squash MergeKind = "squash"
	Merge  MergeKind = "merge"
	Rebase MergeKind = "rebase"
	Trunk  MergeKind = "trunk"
)

// Repo is one repository of the organisation on GitHub, or a plain git one.
type Repo struct {
	Name string // "acme/checkout"
	ID   int64
	Kind MergeKind
	// Commits in the order in which they reached the server.
	Commits []*Commit
	Pulls   []*Pull

	main       []*Commit
	nextNumber int
}

// Commit is one commit.
type Commit struct {
	SHA         string
	Parents     []string
	AuthoredAt  time.Time
	CommittedAt time.Time
	// PushedAt is when the server got it, on Branch.
	PushedAt time.Time
	Branch   string
	Message  string
	Author   string
	// Paths are the files that it touches.
	Paths []string
	Merge bool
}

// Pull is a pull request.
type Pull struct {
	Repo                       *Repo
	Number                     int
	Title                      string
	Author                     string
	Branch                     string
	BaseSHA, HeadSHA, MergeSHA string
	Commits                    []*Commit
	FirstCommitAt, OpenedAt    time.Time
	ReviewedAt                 time.Time // zero: merged without review
	Reviewer                   string
	MergedAt                   time.Time // zero: closed unmerged or still open
	ClosedAt                   time.Time
	Labels                     []string
	Reverts                    *Pull
	Paths                      []string
	breaks                     bool
}

// Touches says that the request changes files of the service.
func (p *Pull) Touches(s *Service) bool {
	return slices.ContainsFunc(p.Paths, func(path string) bool { return strings.HasPrefix(path, s.Path) })
}

// DeployStatus of a deployment.
type DeployStatus string

// How a deployment ended.
const (
	Succeeded DeployStatus = "success"
	Failed    DeployStatus = "failure"
	Cancelled DeployStatus = "cancelled"
)

// Deployment is one attempt in one environment.
type Deployment struct {
	ID          int64
	Service     *Service
	Environment string
	Production  bool
	SHA         string
	Version     string
	CreatedAt   time.Time
	StartedAt   time.Time
	FinishedAt  time.Time
	Status      DeployStatus
	// Release groups the deployments of one fan-out: the index of the release
	// within its service.
	Release int
	// RestoresRelease is the release that a rollback puts back, or -1.
	RestoresRelease int
}

// Incident is one incident. Deployment is what it names as its cause, or nil.
type Incident struct {
	ID         string
	Number     int
	Service    *Service
	Title      string
	Urgency    string
	StartedAt  time.Time
	AckAt      time.Time
	ResolvedAt time.Time // zero: still open
	Reopened   bool      // resolved, reopened after a while, resolved again at ResolvedAt
	Deployment *Deployment
	Noise      bool
}

// Ticket is an issue in Jira.
type Ticket struct {
	Key        string
	Type       string // support, feature, bug, request
	Title      string
	Team       string // the team that asks
	Category   string
	Theme      string
	Capability string
	Service    string // "" when it names none
	CreatedAt  time.Time
	RepliedAt  time.Time
	ResolvedAt time.Time
	Reopened   bool
	// ReopenedAt is when a ticket that had been resolved at FirstResolvedAt was
	// opened again for good; both are zero for all others.
	FirstResolvedAt, ReopenedAt time.Time
}

// Capability is something the platform offers.
type Capability struct {
	ID, Name   string
	ReleasedAt time.Time // zero: before the history
}

// Template is a scaffolder template of a capability.
type Template struct {
	ID, Capability string
	MinutesSaved   int
}

// Request is one run of a template, in the portal or by the platform's command,
// which alone can also run it for show.
type Request struct {
	ID          string
	ByCommand   bool
	Template    Template
	Team        string
	Service     string // made by it or made for it; "" when it names none
	Actor       string
	Status      string // completed, failed, cancelled
	DryRun      bool
	CreatedAt   time.Time
	CompletedAt time.Time
}

// Use is one analytics event about a capability.
type Use struct {
	At         time.Time
	Capability string
	Actor      string
	Team       string
	Action     string // navigate does not count as a use
}

// Workload is one line of the inventory of one day.
type Workload struct {
	Day           time.Time
	Service       *Service
	Name          string
	Kind          string
	Cluster       string
	Environment   string
	OnPlatform    string // yes, no, unknown
	PlatformOwned bool
}

// Answer is what one respondent said in the survey.
type Answer struct {
	At             time.Time
	Team           string
	NPS            int
	Satisfaction   int
	Ease           int
	Portal         int
	Work           int
	Infrastructure float64
	Comment        string
}
