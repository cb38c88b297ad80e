package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors/pick"
	"github.com/headway-metrics/headway/schema"
)

// cdevent is what Headway reads of a CDEvent of any version from v0.3 to v0.5;
// their contents differ only in fields that are not read here.
type cdevent struct {
	Context struct {
		// Version until v0.4, SpecVersion since v0.5.
		Version     string    `json:"version"`
		SpecVersion string    `json:"specversion"`
		ID          string    `json:"id"`
		Source      string    `json:"source"`
		Type        string    `json:"type"`
		Timestamp   time.Time `json:"timestamp"`
	} `json:"context"`
	Subject struct {
		ID      string  `json:"id"`
		Source  string  `json:"source"`
		Content content `json:"content"`
	} `json:"subject"`

	extra Extra
}

type reference struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// content is the union of the contents that are read.
type content struct {
	ArtifactID   string     `json:"artifactId"`
	Environment  *reference `json:"environment"`
	Service      *reference `json:"service"`
	Repository   *reference `json:"repository"`
	Description  string     `json:"description"`
	PipelineName string     `json:"pipelineName"`
	Outcome      string     `json:"outcome"`
	URL          string     `json:"url"`
	URI          string     `json:"uri"`
	TicketURI    string     `json:"ticketURI"`
	TicketType   string     `json:"ticketType"`
	Summary      string     `json:"summary"`
	Group        string     `json:"group"`
	Labels       []string   `json:"labels"`
}

func (c content) link() string {
	for _, s := range []string{c.URI, c.URL, c.TicketURI} {
		if s != "" {
			return s
		}
	}
	return ""
}

// Extra is customData.headway: what CDEvents has no field for. All of it is
// optional.
type Extra struct {
	// Service and Environment of a pipeline run that deploys; with them a run
	// that fails is a failed deployment.
	Service     string `json:"service"`
	Environment string `json:"environment"`
	// Tier is production, staging, testing, development or other.
	Tier string `json:"tier"`
	// Repository (URL or host/path), Commit (full SHA) and Version deployed,
	// built or merged.
	Repository string `json:"repository"`
	Commit     string `json:"commit"`
	Version    string `json:"version"`
	// StartedAt is when a deployment or the trouble behind an incident began.
	StartedAt *time.Time `json:"started_at"`
	// CreatedAt is when a change was opened or a ticket created: every event of
	// it after the first needs it.
	CreatedAt *time.Time `json:"created_at"`
	Severity  string     `json:"severity"`
}

// read parses and checks a CDEvent; extra is its customData.headway, or nil.
func (s *Source) read(data, extra []byte, typ string) (*cdevent, error) {
	var e cdevent
	if err := pick.Decode(data, s.shapes.cdevent, &e); err != nil {
		return nil, fmt.Errorf("reading a CDEvent: %w", err)
	}
	switch {
	case e.Context.ID == "" || e.Context.Source == "":
		return nil, errors.New("CDEvent has no context.id or context.source")
	case e.Context.Type != typ:
		return nil, fmt.Errorf("CDEvent says it is %q, its CloudEvent %q", e.Context.Type, typ)
	case e.Context.Version == "" && e.Context.SpecVersion == "":
		return nil, errors.New("CDEvent has neither context.version nor context.specversion")
	case e.Subject.ID == "":
		return nil, errors.New("CDEvent has no subject.id")
	case e.Context.Timestamp.IsZero():
		return nil, errors.New("CDEvent has no context.timestamp")
	}
	if extra != nil {
		if err := json.Unmarshal(extra, &e.extra); err != nil {
			return nil, fmt.Errorf("reading customData.headway: %w", err)
		}
	}
	return &e, nil
}

// id of the subject, unique among all senders.
func (e *cdevent) id() string {
	source := e.Subject.Source
	if source == "" {
		source = e.Context.Source
	}
	return "events:" + source + "#" + e.Subject.ID
}

func (e *cdevent) meta(rank uint8) schema.Meta {
	return schema.Meta{Source: Name, URL: e.Subject.Content.link(), Version: schema.NewVersion(e.Context.Timestamp, rank)}
}

func (e *cdevent) repo() string {
	r := e.extra.Repository
	if r == "" && e.Subject.Content.Repository != nil {
		r = e.Subject.Content.Repository.ID
	}
	if r == "" {
		r = purl(e.Subject.Content.ArtifactID).repo
	}
	if r == "" {
		return ""
	}
	return schema.RepoID(r)
}

func (e *cdevent) environment() string {
	if e.extra.Environment != "" {
		return e.extra.Environment
	}
	if r := e.Subject.Content.Environment; r != nil {
		if r.Name != "" {
			return r.Name
		}
		return r.ID
	}
	return ""
}

// commit and version deployed: what the sender adds, else what the artifact's
// package URL tells.
func (e *cdevent) revision() (commit, version string) {
	p := purl(e.Subject.Content.ArtifactID)
	commit, version = e.extra.Commit, e.extra.Version
	if commit == "" {
		commit = p.commit
	}
	if version == "" {
		version = p.version
	}
	return strings.ToLower(commit), version
}

type artifact struct{ version, commit, repo string }

var fullSHA = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)

// purl reads a package URL (pkg:type/namespace/name@version?qualifiers). The
// version is the "tag" qualifier of an image, else the part after "@"; a vcs_url
// qualifier names repository and commit.
func purl(s string) artifact {
	rest, ok := strings.CutPrefix(s, "pkg:")
	if !ok {
		return artifact{}
	}
	rest, _, _ = strings.Cut(rest, "#")
	path, rawQuery, _ := strings.Cut(rest, "?")
	var a artifact
	if i := strings.LastIndex(path, "@"); i >= 0 {
		a.version = path[i+1:]
		if v, err := url.PathUnescape(a.version); err == nil {
			a.version = v
		}
		path = path[:i]
	}
	if fullSHA.MatchString(a.version) {
		a.commit = a.version
	}
	if name, ok := strings.CutPrefix(path, "github/"); ok {
		a.repo = "github.com/" + name
	}
	q, err := url.ParseQuery(rawQuery)
	if err != nil {
		return a
	}
	if tag := q.Get("tag"); tag != "" {
		a.version = tag
	}
	if vcs := strings.TrimPrefix(q.Get("vcs_url"), "git+"); vcs != "" {
		if i := strings.LastIndex(vcs, "@"); i > strings.LastIndex(vcs, "/") {
			if sha := vcs[i+1:]; fullSHA.MatchString(sha) {
				a.commit = sha
			}
			vcs = vcs[:i]
		}
		a.repo = vcs
	}
	return a
}
