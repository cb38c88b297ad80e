package events

import (
	"errors"
	"fmt"
	"mime"
	"strings"

	"github.com/headway-metrics/headway/schema"
)

// Normalize implements collectors.Source.
func (s *Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	switch {
	case ev.Type == Name+".unreadable":
		if _, err := s.structured(ev.Data, ev.Time); err != nil {
			return nil, fmt.Errorf("neither a CloudEvent nor a CDEvent: %w", err)
		}
		return nil, errors.New("neither a CloudEvent nor a CDEvent")
	case strings.HasPrefix(ev.Type, customPrefix):
		return nil, schema.Ignore("a custom CDEvent")
	case !strings.HasPrefix(ev.Type, cdeventsPrefix):
		return nil, schema.Ignore("a CloudEvent that is no CDEvent")
	}
	subject, predicate, err := parseType(ev.Type)
	if err != nil {
		return nil, err
	}
	data, extra, err := s.unwrap(ev)
	if err != nil {
		return nil, err
	}
	e, err := s.read(data, extra, ev.Type)
	if err != nil {
		return nil, err
	}
	if e.extra.Derived {
		// Its own conclusions would count every deployment once more.
		return nil, schema.Ignore("what Headway concluded itself")
	}
	return e.facts(subject, predicate)
}

// parseType reads a type such as dev.cdevents.service.deployed.0.3.0. A later major
// version may mean something else by the same names.
func parseType(typ string) (subject, predicate string, err error) {
	parts := strings.SplitN(strings.TrimPrefix(typ, cdeventsPrefix), ".", 5)
	if len(parts) < 5 || parts[0] == "" || parts[1] == "" {
		return "", "", fmt.Errorf("type %s is not dev.cdevents.<subject>.<predicate>.<major>.<minor>.<patch>", typ)
	}
	if parts[2] != "0" {
		return "", "", fmt.Errorf("type %s is of major version %s; 0 is read", typ, parts[2])
	}
	return parts[0], parts[1], nil
}

// unwrap returns the data of a structured CloudEvent; other events are their
// own data. extra is customData.headway in it, nil where there is none.
func (s *Source) unwrap(ev schema.Event) (data, extra []byte, err error) {
	e, err := s.open(ev.Data)
	if err != nil {
		return nil, nil, fmt.Errorf("reading an event: %w", err)
	}
	mediaType := ev.ContentType
	if mediaType != structuredType {
		// A content type that cannot be read is not the structured one.
		mediaType, _, _ = mime.ParseMediaType(ev.ContentType)
	}
	if mediaType != structuredType {
		return ev.Data, e[atExtra], nil
	}
	data, extra = e.payload(), e[atDataExtra]
	if len(data) > 0 && len(e[atData]) > 0 && &data[0] == &e[atData][0] {
		return data, extra, nil
	}
	if e, err = s.open(data); err != nil {
		return nil, nil, fmt.Errorf("reading the data of a CloudEvent: %w", err)
	}
	return data, e[atExtra], nil
}

// facts of a CDEvent by its subject and predicate.
func (e *cdevent) facts(subject, predicate string) ([]schema.Fact, error) {
	switch subject {
	case "service":
		return e.service(predicate)
	case "pipelinerun":
		return e.pipelineRun(predicate)
	case "build":
		return e.build(predicate)
	case "incident":
		return e.incident(predicate)
	case "change":
		return e.change(predicate)
	case "ticket":
		return e.ticket(predicate)
	case "taskrun", "environment", "repository", "branch", "artifact", "testcaserun", "testsuiterun", "testoutput":
		return nil, schema.Ignore("CDEvents " + subject)
	}
	return nil, schema.Ignore("a CDEvents subject that Headway does not know")
}

// unknown ignores a predicate that a later CDEvents may bring.
func unknown(subject string) error {
	return schema.Ignore("a CDEvents " + subject + " predicate that Headway does not know")
}

// service: deployed, upgraded and rolledback each say that it is done.
func (e *cdevent) service(predicate string) ([]schema.Fact, error) {
	switch predicate {
	case "deployed", "upgraded", "rolledback":
	case "removed", "published":
		return nil, schema.Ignore("CDEvents service " + predicate)
	default:
		return nil, unknown("service")
	}
	d, err := e.deployment(schema.StatusSuccess)
	if err != nil {
		return nil, err
	}
	if predicate == "rolledback" {
		d.IsRollback = 1
	}
	return []schema.Fact{d}, nil
}

func (e *cdevent) deployment(status string) (*schema.Deployment, error) {
	environment := e.environment()
	if environment == "" {
		return nil, errors.New("no environment, so it cannot be a deployment")
	}
	ref := e.extra.Service
	if ref == "" {
		ref = e.Subject.ID
	}
	commit, version := e.revision()
	at := e.Context.Timestamp
	created := at
	if e.extra.StartedAt != nil {
		created = *e.extra.StartedAt
	}
	return &schema.Deployment{
		Meta: e.meta(0),
		// The subject is the service, so only the event names the deployment.
		DeploymentID: "events:" + e.Context.Source + "#" + e.Context.ID,
		Repo:         e.repo(), ServiceRef: ref, Environment: environment, TierHint: e.extra.Tier,
		Commit: commit, Version: version, Status: status,
		CreatedAt: created, StartedAt: e.extra.StartedAt, FinishedAt: &at,
	}, nil
}

// pipelineRun is a build. CDEvents has no deployment that failed, so a run that
// names service and environment and fails is one; when it succeeds the sender's
// service event is the deployment.
func (e *cdevent) pipelineRun(predicate string) ([]schema.Fact, error) {
	switch predicate {
	case "queued":
		return e.run(schema.StatusPending, 0), nil
	case "started":
		return e.run(schema.StatusRunning, 1), nil
	case "finished":
	default:
		return nil, unknown("pipelinerun")
	}
	status := schema.StatusSuccess
	switch strings.ToLower(e.Subject.Content.Outcome) {
	case "success", "":
	case "cancel", "canceled", "cancelled":
		status = schema.StatusCancelled
	default:
		status = schema.StatusFailure
	}
	if status != schema.StatusSuccess && e.extra.Service != "" && e.environment() != "" {
		d, err := e.deployment(status)
		if err != nil {
			return nil, err
		}
		return []schema.Fact{d}, nil
	}
	return e.run(status, 2), nil
}

// run is a build in one of its states.
func (e *cdevent) run(status string, rank uint8) []schema.Fact {
	commit, _ := e.revision()
	at := e.Context.Timestamp
	b := &schema.Build{
		Meta: e.meta(rank), Repo: e.repo(), BuildID: e.id(), Pipeline: e.Subject.Content.PipelineName,
		Commit: commit, Status: status, CreatedAt: at, StartedAt: e.extra.StartedAt,
	}
	switch rank {
	case 1:
		b.StartedAt = &at
	case 2:
		b.FinishedAt = &at
	}
	if e.extra.StartedAt != nil {
		b.CreatedAt = *e.extra.StartedAt
	}
	return []schema.Fact{b}
}

// build has no outcome; one that finished with an artifact succeeded.
func (e *cdevent) build(predicate string) ([]schema.Fact, error) {
	switch predicate {
	case "queued":
		return e.run(schema.StatusPending, 0), nil
	case "started":
		return e.run(schema.StatusRunning, 1), nil
	case "finished":
		if e.Subject.Content.ArtifactID == "" {
			return nil, schema.Ignore("CDEvents build finished without an artifact")
		}
		return e.run(schema.StatusSuccess, 2), nil
	}
	return nil, unknown("build")
}

// incident keeps what was detected and reported apart from how it was resolved:
// a resolution's description and artifact are those of the remedy.
func (e *cdevent) incident(predicate string) ([]schema.Fact, error) {
	c := e.Subject.Content
	switch schema.TierByName(e.environment()) {
	case schema.TierStaging, schema.TierTesting, schema.TierDevelopment:
		return nil, schema.Ignore("CDEvents incident outside production")
	}
	u := &schema.IncidentUpdate{
		Meta: e.meta(0), IncidentID: e.id(), UpdateID: e.Context.ID, At: e.Context.Timestamp,
		Severity: e.extra.Severity, StartedAt: e.extra.StartedAt,
	}
	switch {
	case e.extra.Service != "":
		u.ServiceRefs = []string{e.extra.Service}
	case c.Service.ID != "":
		u.ServiceRefs = []string{c.Service.ID}
	}
	switch predicate {
	case "detected", "reported":
		u.Kind, u.Title = schema.IncidentTriggered, c.Description
		commit, version := e.revision()
		u.Cause = version
		if commit != "" {
			u.Cause = commit
		}
	case "resolved":
		u.Kind = schema.IncidentResolved
	default:
		return nil, unknown("incident")
	}
	return []schema.Fact{u}, nil
}

// change carries neither a commit nor, after the first event, when it was
// opened; without both it would link to nothing or tell a false stage.
func (e *cdevent) change(predicate string) ([]schema.Fact, error) {
	repo := e.repo()
	at := e.Context.Timestamp
	c := &schema.Change{
		Meta: e.meta(0), Repo: repo, ChangeID: repo + "#" + e.Subject.ID,
		Title: e.Subject.Content.Description, State: schema.ChangeOpen, OpenedAt: at,
	}
	switch predicate {
	case "created", "updated", "reviewed", "merged", "abandoned":
	default:
		return nil, unknown("change")
	}
	if repo == "" {
		return nil, schema.Ignore("CDEvents change without a repository")
	}
	if predicate == "reviewed" {
		return []schema.Fact{&schema.Review{
			Meta: e.meta(0), Repo: repo, ChangeID: c.ChangeID,
			ReviewID: "events:" + e.Context.Source + "#" + e.Context.ID, State: "reviewed", SubmittedAt: at,
		}}, nil
	}
	if predicate != "created" {
		if e.extra.CreatedAt == nil {
			return nil, schema.Ignore("CDEvents change " + predicate + " without its creation time")
		}
		c.OpenedAt = *e.extra.CreatedAt
	}
	switch predicate {
	case "merged":
		if e.extra.Commit == "" {
			return nil, schema.Ignore("CDEvents change merged without its commit")
		}
		c.State, c.MergedAt, c.ClosedAt, c.MergeSHA = schema.ChangeMerged, &at, &at, strings.ToLower(e.extra.Commit)
	case "abandoned":
		c.State, c.ClosedAt = schema.ChangeClosed, &at
	}
	return []schema.Fact{c}, nil
}

func (e *cdevent) ticket(predicate string) ([]schema.Fact, error) {
	c := e.Subject.Content
	at := e.Context.Timestamp
	t := &schema.Ticket{
		Meta: e.meta(0), TicketID: e.id(), Type: ticketType(c.TicketType), Title: c.Summary, Status: "open",
		Project: c.Group, ServiceRef: e.extra.Service, CreatedAt: at, Labels: c.Labels,
	}
	switch predicate {
	case "created", "updated", "closed":
	default:
		return nil, unknown("ticket")
	}
	if predicate != "created" {
		if e.extra.CreatedAt == nil {
			return nil, schema.Ignore("CDEvents ticket " + predicate + " without its creation time")
		}
		t.CreatedAt = *e.extra.CreatedAt
	}
	if predicate == "closed" {
		t.Status, t.ResolvedAt = "closed", &at
	}
	return []schema.Fact{t}, nil
}

// ticketType knows the types that CDEvents suggests; others are tasks.
func ticketType(s string) string {
	switch strings.ToLower(s) {
	case "bug", "defect":
		return schema.TicketBug
	case "incident":
		return schema.TicketIncident
	case "support":
		return schema.TicketSupport
	case "enhancement", "feature":
		return schema.TicketFeature
	case "request":
		return schema.TicketRequest
	}
	return schema.TicketTask
}
