package announce

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

const (
	// specVersion is the version of CDEvents that the events follow.
	specVersion = "0.5.0"

	typeDeployed   = "dev.cdevents.service.deployed.0.3.0"
	typeUpgraded   = "dev.cdevents.service.upgraded.0.3.0"
	typeRolledBack = "dev.cdevents.service.rolledback.0.3.0"
	typeDetected   = "dev.cdevents.incident.detected.0.3.0"
	typeReported   = "dev.cdevents.incident.reported.0.3.0"
	typeResolved   = "dev.cdevents.incident.resolved.0.3.0"
	// typeMetric is a custom type: dev.cdeventsx, tool and subject, predicate.
	typeMetric = "dev.cdeventsx.headway-metric.changed.0.1.0"

	// production is the environment of incidents: Headway counts no others.
	production = "production"
)

// cdevent is an event of CDEvents v0.5.
type cdevent struct {
	Context struct {
		SpecVersion string    `json:"specversion"`
		ID          string    `json:"id"`
		Source      string    `json:"source"`
		Type        string    `json:"type"`
		Timestamp   time.Time `json:"timestamp"`
	} `json:"context"`
	Subject struct {
		ID      string `json:"id"`
		Content any    `json:"content"`
	} `json:"subject"`
	CustomData  customData `json:"customData"`
	ContentType string     `json:"customDataContentType"`

	// key of the row that the event is made of.
	key []string
	// service keeps the events of one service in order.
	service string
}

// customData says what CDEvents has no field for.
type customData struct {
	Headway headway `json:"headway"`
}

type headway struct {
	// Derived marks what Headway concluded; it is always true.
	Derived    bool       `json:"derived"`
	Service    string     `json:"service,omitempty"`
	Team       string     `json:"team,omitempty"`
	Release    string     `json:"release,omitempty"`
	Repository string     `json:"repository,omitempty"`
	Commit     string     `json:"commit,omitempty"`
	Version    string     `json:"version,omitempty"`
	StartedAt  *time.Time `json:"started_at,omitempty"`
	Severity   string     `json:"severity,omitempty"`
	Reopened   uint32     `json:"reopened,omitempty"`
	URL        string     `json:"url,omitempty"`
}

type reference struct {
	ID string `json:"id"`
}

type deploymentContent struct {
	Environment reference `json:"environment"`
	ArtifactID  string    `json:"artifactId"`
}

type incidentContent struct {
	Environment reference `json:"environment"`
	Service     reference `json:"service"`
	ArtifactID  string    `json:"artifactId"`
	TicketURI   string    `json:"ticketURI,omitempty"`
}

func newEvent(typ, subject string, at time.Time, m schema.DerivedMeta, content any) cdevent {
	var e cdevent
	e.Context.Type, e.Context.Timestamp = typ, at.UTC()
	e.Subject.ID, e.Subject.Content = subject, content
	e.CustomData.Headway = headway{Derived: true, Service: m.ServiceID, Team: m.TeamID}
	e.service = m.ServiceID
	return e
}

// release is one event for each environment that the release reached.
func release(r *schema.Release, first map[string]string) []cdevent {
	if r.Deleted == 1 || r.Succeeded == 0 || r.Excluded == schema.ExcludedAbsurd {
		return nil
	}
	typ := typeUpgraded
	switch {
	case r.ReworkRule == schema.FailureRollback:
		typ = typeRolledBack
	case first[r.ServiceID] == r.ReleaseID:
		typ = typeDeployed
	}
	var out []cdevent
	for _, environment := range slices.Sorted(slices.Values(r.Environments)) {
		e := newEvent(typ, r.ServiceID, r.FinishedAt, r.DerivedMeta, deploymentContent{reference{environment}, artifact(r)})
		e.key = []string{schema.ReleaseTable, r.ServiceID, r.ReleaseID}
		h, started := &e.CustomData.Headway, r.StartedAt.UTC()
		h.Release, h.Repository, h.Commit, h.Version, h.URL, h.StartedAt = r.ReleaseID, r.Repo, r.Commit, r.DeployedVersion, r.URL, &started
		out = append(out, e)
	}
	return out
}

// artifact is the package URL of what was deployed: the service, its version or
// commit, and where the commit is.
func artifact(r *schema.Release) string {
	out := packageOf(r.ServiceID)
	version := r.DeployedVersion
	if version == "" {
		version = r.Commit
	}
	if version != "" {
		out += "@" + url.QueryEscape(version)
	}
	if r.Repo != "" && r.Commit != "" && !strings.HasPrefix(r.Repo, "/") {
		out += "?vcs_url=" + url.QueryEscape("git+https://"+r.Repo+"@"+r.Commit)
	}
	return strings.ReplaceAll(out, "+", "%20")
}

// packageOf is the package URL of a service, whatever its version.
func packageOf(service string) string {
	segments := strings.Split(strings.Trim(service, "/"), "/")
	for i, s := range segments {
		segments[i] = strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	}
	return "pkg:generic/" + strings.Join(segments, "/")
}

// incident is what happened to an incident of one service.
func incident(i *schema.Incident) []cdevent {
	if i.Deleted == 1 || i.Excluded == schema.ExcludedAbsurd {
		return nil
	}
	// CDEvents wants to know where an incident was reported.
	typ, ticket := typeReported, i.URL
	if u, err := url.Parse(i.URL); err != nil || !u.IsAbs() || slices.Contains([]string{"alertmanager", "grafana", "opsgenie", "pagerduty"}, i.Source) {
		typ, ticket = typeDetected, ""
	}
	tell := func(typ, ticket string, at time.Time) cdevent {
		e := newEvent(typ, i.IncidentID, at, i.DerivedMeta, incidentContent{reference{production}, reference{i.ServiceID}, packageOf(i.ServiceID), ticket})
		// One that is opened again, and is over again, is told again.
		e.key = []string{schema.IncidentTable, i.ServiceID, i.IncidentID, strconv.FormatUint(uint64(i.Reopened), 10)}
		h := &e.CustomData.Headway
		h.Release, h.Severity, h.Reopened, h.URL = i.ReleaseID, i.Severity, i.Reopened, i.URL
		return e
	}
	out := []cdevent{tell(typ, ticket, i.StartedAt)}
	if i.ResolvedAt != nil {
		out = append(out, tell(typeResolved, "", *i.ResolvedAt))
	}
	return out
}
