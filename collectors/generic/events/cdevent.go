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
		Version, SpecVersion, ID, Source, Type string
		Timestamp                              time.Time
	}
	Subject struct {
		ID, Source string
		Content    content
	}

	extra Extra
}

type reference struct{ ID, Name string }

// content is the union of the contents that are read.
type content struct {
	ArtifactID, Description, PipelineName, Outcome, URL, URI, TicketURI, TicketType, Summary, Group string

	Environment, Service, Repository reference
	Labels                           []string
}

// Indexes of what is found in a CDEvent: these, then objects, then members.
const (
	atTimestamp = iota
	atLabels
	firstObject
	firstText = firstObject + 6
	// readValues is the number of all.
	readValues = firstText + 22
)

// objects are members that have to be objects where there are any.
func objects() []string {
	return []string{
		"context", "subject", "subject.content",
		"subject.content.environment", "subject.content.service", "subject.content.repository",
	}
}

// member is a text of a CDEvent and its place in cdevent.
type member struct {
	path string
	to   func(*cdevent) *string
}

func members() []member {
	return []member{
		{"context.version", func(e *cdevent) *string { return &e.Context.Version }},
		{"context.specversion", func(e *cdevent) *string { return &e.Context.SpecVersion }},
		{"context.id", func(e *cdevent) *string { return &e.Context.ID }},
		{"context.source", func(e *cdevent) *string { return &e.Context.Source }},
		{"context.type", func(e *cdevent) *string { return &e.Context.Type }},
		{"subject.id", func(e *cdevent) *string { return &e.Subject.ID }},
		{"subject.source", func(e *cdevent) *string { return &e.Subject.Source }},
		{"subject.content.artifactId", func(e *cdevent) *string { return &e.Subject.Content.ArtifactID }},
		{"subject.content.description", func(e *cdevent) *string { return &e.Subject.Content.Description }},
		{"subject.content.pipelineName", func(e *cdevent) *string { return &e.Subject.Content.PipelineName }},
		{"subject.content.outcome", func(e *cdevent) *string { return &e.Subject.Content.Outcome }},
		{"subject.content.url", func(e *cdevent) *string { return &e.Subject.Content.URL }},
		{"subject.content.uri", func(e *cdevent) *string { return &e.Subject.Content.URI }},
		{"subject.content.ticketURI", func(e *cdevent) *string { return &e.Subject.Content.TicketURI }},
		{"subject.content.ticketType", func(e *cdevent) *string { return &e.Subject.Content.TicketType }},
		{"subject.content.summary", func(e *cdevent) *string { return &e.Subject.Content.Summary }},
		{"subject.content.group", func(e *cdevent) *string { return &e.Subject.Content.Group }},
		{"subject.content.environment.id", func(e *cdevent) *string { return &e.Subject.Content.Environment.ID }},
		{"subject.content.environment.name", func(e *cdevent) *string { return &e.Subject.Content.Environment.Name }},
		{"subject.content.service.id", func(e *cdevent) *string { return &e.Subject.Content.Service.ID }},
		{"subject.content.repository.id", func(e *cdevent) *string { return &e.Subject.Content.Repository.ID }},
		{"subject.content.repository.name", func(e *cdevent) *string { return &e.Subject.Content.Repository.Name }},
	}
}

// decode finds the values of a CDEvent. It is what encoding/json would do with a
// struct, in a quarter of the time; a value of another type is an error too.
func (s *Source) decode(data []byte, e *cdevent) error {
	var found [readValues][]byte
	if err := pick.Find(data, s.shapes.cdevent, found[:]); err != nil {
		return err
	}
	values := found[firstObject:]
	for i, path := range objects() {
		if raw := values[i]; raw != nil && raw[0] != '{' && string(raw) != "null" {
			return fmt.Errorf("%s is no object", path)
		}
	}
	values = found[firstText:]
	for i, m := range s.shapes.texts {
		var err error
		if *m.to(e), err = pick.String(values[i]); err != nil {
			return fmt.Errorf("%s: %w", m.path, err)
		}
	}
	if raw := found[atLabels]; raw != nil {
		if err := json.Unmarshal(raw, &e.Subject.Content.Labels); err != nil {
			return fmt.Errorf("subject.content.labels: %w", err)
		}
	}
	if raw := found[atTimestamp]; raw != nil {
		if err := e.Context.Timestamp.UnmarshalJSON(raw); err != nil {
			return fmt.Errorf("context.timestamp: %w", err)
		}
	}
	return nil
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
	// Derived marks what a Headway concluded and published.
	Derived bool `json:"derived"`
}

// read parses and checks a CDEvent; extra is its customData.headway, or nil.
func (s *Source) read(data, extra []byte, typ string) (*cdevent, error) {
	var e cdevent
	if err := s.decode(data, &e); err != nil {
		return nil, fmt.Errorf("reading a CDEvent: %w", err)
	}
	switch {
	case e.Context.ID == "" || e.Context.Source == "":
		return nil, errors.New("CDEvent has no context.id or context.source")
	case e.Context.Type != typ:
		return nil, fmt.Errorf("CDEvent says it is %q, its CloudEvent %q", e.Context.Type, typ)
	case !supported(e.version()):
		return nil, fmt.Errorf("CDEvent of version %q (context.specversion, before v0.5 context.version); v0.3, v0.4 and v0.5 are read", e.version())
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

// version of the specification that the event follows.
func (e *cdevent) version() string {
	if e.Context.SpecVersion != "" {
		return e.Context.SpecVersion
	}
	return e.Context.Version
}

// supported holds for v0.3 to v0.5. Below 1.0 every minor version may change what
// a field means, so others are kept as dead letters until they are read.
func supported(version string) bool {
	for _, minor := range []string{"0.3.", "0.4.", "0.5."} {
		if patch, ok := strings.CutPrefix(version, minor); ok && patch != "" {
			return true
		}
	}
	return false
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
	if r == "" {
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
	if r := e.Subject.Content.Environment; r.Name != "" {
		return r.Name
	}
	return e.Subject.Content.Environment.ID
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
