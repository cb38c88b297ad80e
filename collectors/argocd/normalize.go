package argocd

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/gitops"
	"github.com/headway-metrics/headway/collectors/pattern"
	"github.com/headway-metrics/headway/schema"
)

// Types of event: both hold an Application.
const (
	typeNotification = Name + ".application"
	typeListed       = Name + ".rest.application"
)

// Ranks of what is known of one sync, which happened at one instant: what names the
// version wins, whenever it was read.
const (
	rankRevision = 1
	rankImage    = 3
)

// Verify checks the shared secret.
func (s *Source) Verify(header http.Header, body []byte, now time.Time) error {
	return s.scheme.Verify(header, body, now)
}

// Events makes the one event of a notification.
func (*Source) Events(header http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	var a application
	if json.Unmarshal(body, &a) != nil || a.Metadata.Name == "" {
		return []schema.Event{collectors.Unreadable(Name, header, body, received)}, nil //nolint:nilerr // It goes to the dead letters.
	}
	return []schema.Event{event(typeNotification, a, body, received)}, nil
}

func event(eventType string, a application, body []byte, received time.Time) schema.Event {
	return schema.Event{
		ID: schema.EventID(eventType, a.key(), a.state()), Source: Name, Type: eventType,
		Subject: a.key(), Time: received.UTC(), Key: a.key(), Data: body,
	}
}

// Normalize turns an Application into the deployments that its history and its last
// operation tell of.
func (s *Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	if ev.Type != typeNotification && ev.Type != typeListed {
		return nil, fmt.Errorf("unknown type %q", ev.Type)
	}
	var a application
	if err := json.Unmarshal(ev.Data, &a); err != nil {
		return nil, fmt.Errorf("reading an Application: %w", err)
	}
	if a.Metadata.Name == "" {
		return nil, errors.New("an Application without a name")
	}
	for _, r := range s.rules {
		vars, ok := r.match(a)
		if !ok {
			continue
		}
		to := r.Fill(vars)
		if to.Environment == "" {
			return nil, fmt.Errorf("the rule for application %.100q gives no environment", a.Metadata.Name)
		}
		out, err := s.deployments(a, r, to, vars)
		if err == nil && len(out) == 0 {
			return nil, schema.Ignore("Argo CD application without a finished sync")
		}
		return out, err
	}
	return nil, schema.Ignore("Argo CD application that no rule names")
}

func (r rule) match(a application) (map[string]string, bool) {
	name, ok := r.application.Match(a.Metadata.Name)
	project, inProject := r.project.Match(a.Spec.Project)
	return pattern.With(name, pattern.With(project, map[string]string{"namespace": a.Spec.Destination.Namespace})), ok && inProject
}

func (s *Source) deployments(a application, r rule, to pattern.Target, vars map[string]string) ([]schema.Fact, error) {
	history := slices.Clone(a.Status.History)
	slices.SortFunc(history, func(x, y entry) int { return cmp.Compare(x.ID, y.ID) })
	var out []schema.Fact
	for i, e := range history {
		if e.DeployedAt.IsZero() || e.synced().revision() == "" {
			return nil, fmt.Errorf("entry %d of the history without deployedAt or revision", e.ID)
		}
		if i > 0 && e.synced().same(history[i-1].synced()) {
			continue
		}
		if i == 0 && e.ID > 0 && len(history) > 1 {
			// What came before is cut off, so that this may be the same once more; it was
			// read while it was newer.
			continue
		}
		at := e.DeployedAt
		d := s.deployment(a, to, strconv.FormatInt(e.ID, 10), at, schema.StatusSuccess, e.DeployStartedAt)
		var images []string
		if i == len(history)-1 && a.settled() {
			images = a.Status.Summary.Images
		}
		r.version(d, to, vars, e.synced(), images)
		out = append(out, d)
	}
	if o := a.Status.OperationState; o != nil && o.failed() {
		d := s.deployment(a, to, "failed-"+strconv.FormatInt(o.StartedAt.UnixMilli(), 10), *o.FinishedAt, schema.StatusFailure, &o.StartedAt)
		put := newSynced(o.SyncResult.Revision, o.SyncResult.Revisions, o.SyncResult.Source, o.SyncResult.Sources)
		r.version(d, to, vars, put, nil)
		if d.Version != "" {
			out = append(out, d)
		}
	}
	return out, nil
}

// failed reports whether the operation is a sync of the whole application that
// ended badly. Argo CD says Failed for manifests that do not apply, and Error for
// what kept it from trying.
func (o *operationState) failed() bool {
	sync := o.Operation.Sync
	return (o.Phase == "Failed" || o.Phase == "Error") && o.FinishedAt != nil && !o.FinishedAt.IsZero() && !o.StartedAt.IsZero() &&
		sync != nil && !sync.DryRun && len(sync.Resources) == 0 && o.SyncResult != nil
}

// settled reports whether the pods that are there are those of the newest sync.
func (a application) settled() bool {
	o := a.Status.OperationState
	return a.Status.Sync.Status == "Synced" && a.Status.Health.Status == "Healthy" && (o == nil || o.Phase == "Succeeded")
}

func (s *Source) deployment(a application, to pattern.Target, id string, at time.Time, status string, started *time.Time) *schema.Deployment {
	d := &schema.Deployment{
		DeploymentID: strings.Join([]string{Name, cmp.Or(a.Metadata.UID, a.key()), id}, ":"),
		ServiceRef:   to.Service, Environment: to.Environment, Status: status, CreatedAt: at, StartedAt: started, FinishedAt: &at,
	}
	if started != nil && !started.IsZero() {
		d.CreatedAt = *started
	}
	if to.Repository != "" {
		d.Repo = schema.RepoID(to.Repository)
	}
	d.Meta = schema.Meta{Source: Name, Version: schema.NewVersion(at, rankRevision)}
	if s.cfg.URL != "" {
		d.URL = strings.TrimSuffix(s.cfg.URL, "/") + "/applications/" + strings.TrimPrefix(a.key(), "/")
	}
	return d
}

var fullSHA = regexp.MustCompile(`^[0-9a-f]{40}$`)

// version fills in what was deployed: by the rule, else the revision when the
// manifests live in the service's own repository, else what the source sets, else
// the image that runs, and else, unresolved, the configuration's revision.
func (r rule) version(d *schema.Deployment, to pattern.Target, vars map[string]string, put synced, running []string) {
	d.Version = put.revision()
	switch own, set := put.of(d.Repo), r.set(to, vars, put, running); {
	case to.Version != "":
		d.Version = to.Version
	case fullSHA.MatchString(own):
		d.Version, d.Commit = own, own
	case set != "":
		d.Version, d.Commit = gitops.ImageVersion(set), gitops.CommitOf(set)
	default:
		return
	}
	d.Meta.Version = schema.NewVersion(*d.FinishedAt, rankImage)
}

// set is the image or tag that the sources set for the service, or that runs; ""
// when neither says, or not one only.
func (r rule) set(to pattern.Target, vars map[string]string, put synced, running []string) string {
	var images []string
	for _, src := range put.sources {
		for _, p := range src.Helm.Parameters {
			if p.Name == r.helmParameter && p.Value != "" {
				return p.Value
			}
		}
		for _, i := range src.Kustomize.Images {
			// name=newname:tag, or newname:tag.
			images = append(images, i[strings.IndexByte(i, '=')+1:])
		}
	}
	return cmp.Or(r.service(to, vars, images), r.service(to, vars, running))
}

// service is the one image of the service among images.
func (r rule) service(to pattern.Target, vars map[string]string, images []string) string {
	byName := map[string][]string{}
	for _, i := range images {
		name := imageName(i)
		if !slices.Contains(byName[name], i) {
			byName[name] = append(byName[name], i)
		}
	}
	want := func(string) bool { return len(byName) == 1 }
	if r.image != "" {
		p, err := pattern.Compile(pattern.Expand(r.image, vars))
		if err != nil {
			return ""
		}
		want = func(name string) bool { _, ok := p.Match(name); return ok }
	} else if len(byName) > 1 && to.Service != "" {
		want = func(name string) bool { return name[strings.LastIndexByte(name, '/')+1:] == to.Service }
	}
	var found []string
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if want(name) {
			found = append(found, byName[name]...)
		}
	}
	if len(found) != 1 {
		return ""
	}
	return found[0]
}

// imageName is an image without tag and digest.
func imageName(image string) string {
	name, _, _ := strings.Cut(image, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		return name[:i]
	}
	return name
}
