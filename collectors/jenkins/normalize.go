package jenkins

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors/pattern"
	"github.com/headway-metrics/headway/schema"
)

// typeBuild is a build as the REST API tells it.
const typeBuild = Name + ".rest.build"

// Ranks of what is said of one build, whose start never changes: what has ended
// wins over what runs, and the REST API over a notification.
const (
	rankBuilding  = 1
	rankCompleted = 2
	rankBuild     = 3
)

// build is a build of the REST API (<build>/api/json), as far as tree asks for it.
type build struct {
	URL       string   `json:"url"`
	Number    int64    `json:"number"`
	Result    string   `json:"result"`
	Building  bool     `json:"building"`
	Timestamp int64    `json:"timestamp"`
	Duration  int64    `json:"duration"`
	Actions   []action `json:"actions"`
}

// action is one of many kinds; the git plugin's has a revision.
type action struct {
	Revision *struct {
		SHA1   string `json:"SHA1"`
		Branch []struct {
			Name string `json:"name"`
		} `json:"branch"`
	} `json:"lastBuiltRevision"`
	RemoteURLs []string `json:"remoteUrls"`
	Parameters []struct {
		Name  string `json:"name"`
		Value any    `json:"value"`
	} `json:"parameters"`
}

// run is what both sides say of a build.
type run struct {
	url                  string
	number               int64
	status               string
	unstable             bool
	started              time.Time
	finished             *time.Time
	repo, commit, branch string
	params               map[string]string
	rank                 uint8
}

// Normalize turns a notification or a listed build into a build or a deployment.
func (s *Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	if strings.HasPrefix(ev.Type, Name+".notification.") {
		return s.normalizeNotification(ev)
	}
	if ev.Type != typeBuild {
		return nil, fmt.Errorf("unknown type %q", ev.Type)
	}
	var b build
	if err := json.Unmarshal(ev.Data, &b); err != nil {
		return nil, fmt.Errorf("reading a build: %w", err)
	}
	r := run{url: b.URL, number: b.Number, started: millis(b.Timestamp), params: map[string]string{}, status: schema.StatusRunning, rank: rankBuilding}
	s.revision(&r, b.Actions)
	for _, a := range b.Actions {
		for _, p := range a.Parameters {
			switch p.Value.(type) {
			case string, bool, float64:
				r.params[p.Name] = fmt.Sprint(p.Value)
			}
		}
	}
	if !b.Building {
		at := millis(b.Timestamp + b.Duration)
		r.finished, r.rank = &at, rankBuild
		if err := r.result(b.Result); err != nil {
			return nil, err
		}
	}
	return s.facts(r)
}

// revision takes the commit of the first action that is no shared library's.
func (s *Source) revision(r *run, actions []action) {
	for _, a := range actions {
		if a.Revision == nil || a.Revision.SHA1 == "" {
			continue
		}
		repo := ""
		if len(a.RemoteURLs) > 0 {
			repo = schema.RepoID(a.RemoteURLs[0])
		}
		if s.isLibrary(repo) {
			continue
		}
		r.repo, r.commit = repo, a.Revision.SHA1
		if len(a.Revision.Branch) > 0 {
			r.branch = a.Revision.Branch[0].Name
		}
		return
	}
}

func (s *Source) isLibrary(repo string) bool {
	return slices.ContainsFunc(s.cfg.Libraries, func(l string) bool { return schema.RepoID(l) == repo })
}

// result sets the status of a build that has ended.
func (r *run) result(result string) error {
	switch result {
	case "SUCCESS":
		r.status = schema.StatusSuccess
	case "UNSTABLE":
		r.unstable = true
	case "FAILURE":
		r.status = schema.StatusFailure
	case "ABORTED":
		r.status = schema.StatusCancelled
	case "NOT_BUILT":
		return schema.Ignore("Jenkins build not built")
	default:
		return fmt.Errorf("result %.40q is unknown", result)
	}
	return nil
}

var fullSHA = regexp.MustCompile(`^[0-9a-f]{40}$`)

func (s *Source) facts(r run) ([]schema.Fact, error) {
	job, id := jobOf(r.url)
	if job == "" || r.number <= 0 {
		return nil, errors.New("build without the url of its job, or without number")
	}
	if !r.started.After(schema.MinTime) {
		return nil, errors.New("build without time")
	}
	if !s.reads(job) {
		return nil, schema.Ignore("job is not configured")
	}
	id += "#" + strconv.FormatInt(r.number, 10)
	if s.isLibrary(r.repo) {
		r.repo, r.commit, r.branch = "", "", ""
	}
	if !fullSHA.MatchString(r.commit) {
		r.commit = ""
	}
	m := schema.Meta{Source: Name, URL: r.url, Version: schema.NewVersion(r.started, r.rank)}
	branch := branchName(r.branch)
	for _, rule := range s.rules {
		parts, ok := rule.job.Match(job)
		if !ok {
			continue
		}
		to := rule.Fill(pattern.With(parts, r.params))
		if to.Environment == "" {
			return nil, fmt.Errorf("the rule for job %.100q gives no environment: has the build the parameter that it names?", job)
		}
		d := &schema.Deployment{
			Meta: m, DeploymentID: id, Repo: r.repo, ServiceRef: to.Service, Environment: to.Environment,
			Commit: r.commit, Version: to.Version, Branch: branch, Status: r.status,
			CreatedAt: r.started, StartedAt: &r.started, FinishedAt: r.finished,
		}
		if r.unstable {
			// Jenkins went on to the end: the version is there, something around it failed.
			d.Status = schema.StatusSuccess
		}
		if to.Repository != "" && schema.RepoID(to.Repository) != r.repo {
			// The job's own checkout is of the scripts that deploy.
			d.Repo, d.Commit, d.Branch = schema.RepoID(to.Repository), "", ""
		}
		if fullSHA.MatchString(d.Version) {
			d.Commit = d.Version
		} else if to.Version != "" {
			// A version that was asked for says more than the checkout of the scripts.
			d.Commit = ""
		}
		return []schema.Fact{d}, nil
	}
	b := &schema.Build{
		Meta: m, Repo: r.repo, BuildID: id, Pipeline: job, Commit: r.commit, Branch: branch, Status: r.status,
		CreatedAt: r.started, StartedAt: &r.started, FinishedAt: r.finished,
	}
	if r.unstable {
		b.Status = schema.StatusFailure
	}
	return []schema.Fact{b}, nil
}

// jobOf reads the full name of the job and an id for it from the URL of a build:
// https://ci.example.com/job/shop/job/main/18/ is shop/main.
func jobOf(address string) (name, id string) {
	u, err := url.Parse(address)
	if err != nil {
		return "", ""
	}
	var parts []string
	segments := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	for i := 0; i+1 < len(segments); i++ {
		if segments[i] != "job" {
			continue
		}
		// A branch's slash is escaped twice; once is how Jenkins names the job.
		part, err := url.PathUnescape(segments[i+1])
		if err != nil {
			return "", ""
		}
		parts = append(parts, part)
		i++
	}
	name = strings.Join(parts, "/")
	return name, Name + ":" + u.Host + "/" + name
}

// branchName takes the remote off: origin/main is main.
func branchName(s string) string {
	if s == "detached" {
		return ""
	}
	s = strings.TrimPrefix(s, "refs/remotes/")
	return strings.TrimPrefix(strings.TrimPrefix(s, "refs/heads/"), "origin/")
}

// millis is a time of Jenkins; 0 and absurd ones become the zero time.
func millis(ms int64) time.Time {
	if ms <= 0 || ms > schema.MaxTime.UnixMilli() {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
