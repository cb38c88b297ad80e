package backstage

import (
	"bytes"
	"encoding/json"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// entity is an entity of the catalog. See
// https://backstage.io/docs/features/software-catalog/descriptor-format.
type entity struct {
	Kind     string   `json:"kind"`
	Metadata metadata `json:"metadata"`
	Spec     struct {
		Type      string `json:"type"`
		Lifecycle string `json:"lifecycle"`
		Owner     string `json:"owner"`
		System    string `json:"system"`
		Parent    string `json:"parent"`
		Profile   struct {
			DisplayName string `json:"displayName"`
			Email       string `json:"email"`
		} `json:"profile"`
		// MemberOf are the groups of a user.
		MemberOf []string `json:"memberOf"`
	} `json:"spec"`
	Relations []struct {
		Type      string `json:"type"`
		TargetRef string `json:"targetRef"`
	} `json:"relations"`
}

type metadata struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace"`
	Title       string            `json:"title"`
	Etag        string            `json:"etag"`
	Annotations map[string]string `json:"annotations"`
}

// Annotations that are read.
const (
	annotationCapability = "headway.dev/capability"
	annotationReleased   = "headway.dev/released-at"
	annotationMandated   = "headway.dev/mandated"
	annotationTeamKind   = "headway.dev/team-kind"
	annotationMinutes    = "headway.dev/minutes-saved"
	annotationCreated    = "headway.dev/created-at"
	annotationTimeSaved  = "backstage.io/time-saved"
	annotationLocation   = "backstage.io/source-location"
	annotationTemplate   = "backstage.io/source-template"
	// annotationSecret is a key that can send events to PagerDuty.
	annotationSecret = "pagerduty.com/integration-key" //nolint:gosec // The name of the annotation, not its value.
)

// ref is the entity's full name: "component:default/shop".
func (e entity) ref() string {
	return fullRef(e.Metadata.Name, e.Kind, e.Metadata.Namespace)
}

// fullRef completes a reference such as "shop", "team/shop" or "group:shop".
func fullRef(ref, kind, namespace string) string {
	ref = strings.ToLower(ref)
	if k, rest, ok := strings.Cut(ref, ":"); ok {
		kind, ref = k, rest
	}
	if namespace == "" {
		namespace = "default"
	}
	if ns, name, ok := strings.Cut(ref, "/"); ok {
		namespace, ref = ns, name
	}
	return strings.ToLower(kind) + ":" + strings.ToLower(namespace) + "/" + ref
}

// shortID is how Headway names what a full reference means: by its name alone in
// the default namespace, as other sources name it too.
func shortID(ref string) string {
	_, rest, _ := strings.Cut(ref, ":")
	return strings.TrimPrefix(rest, "default/")
}

// related are the targets of a relation.
func (e entity) related(relation string) []string {
	var out []string
	for _, r := range e.Relations {
		if r.Type == relation && r.TargetRef != "" {
			out = append(out, strings.ToLower(r.TargetRef))
		}
	}
	return out
}

// owner is the team that owns the entity; "" when nobody or a person does.
func (e entity) owner() string {
	for _, r := range e.related("ownedBy") {
		if strings.HasPrefix(r, "group:") {
			return shortID(r)
		}
	}
	if len(e.related("ownedBy")) > 0 || e.Spec.Owner == "" {
		return ""
	}
	if r := fullRef(e.Spec.Owner, "group", e.Metadata.Namespace); strings.HasPrefix(r, "group:") {
		return shortID(r)
	}
	return ""
}

// groups are the full references of a user's groups.
func (e entity) groups() []string {
	if out := e.related("memberOf"); len(out) > 0 {
		return out
	}
	var out []string
	for _, g := range e.Spec.MemberOf {
		out = append(out, fullRef(g, "group", e.Metadata.Namespace))
	}
	return out
}

var sourceTree = regexp.MustCompile(`^(.+?)(?:/-)?/(?:tree|blob)/[^/]+(?:/(.*))?$`)

// repository is the source's repository and the path in it, from annotations.
func (m metadata) repository() (repo, path string) {
	if loc, ok := strings.CutPrefix(m.Annotations[annotationLocation], "url:"); ok {
		if u, err := url.Parse(loc); err == nil && u.Host != "" {
			p := strings.TrimSuffix(u.Path, "/")
			if t := sourceTree.FindStringSubmatch(p); t != nil {
				p, path = t[1], t[2]
			}
			repo = schema.RepoID(u.Host + p)
		}
	}
	for annotation, host := range map[string]string{"github.com/project-slug": "github.com", "gitlab.com/project-slug": "gitlab.com"} {
		if slug := m.Annotations[annotation]; slug != "" {
			if r := schema.RepoID(host + "/" + slug); r != repo {
				// The location may be that of the catalog file, the slug is the code's.
				repo, path = r, ""
			}
		}
	}
	return repo, path
}

// aliases are the service's names in other systems.
func (m metadata) aliases() []string {
	var out []string
	for _, a := range []struct{ annotation, system string }{
		{"argocd/app-name", "argocd"},
		{"backstage.io/kubernetes-id", "kubernetes"},
		{"jenkins.io/job-full-name", "jenkins"},
		{"jira/component", "jira"},
		{"pagerduty.com/service-id", "pagerduty"},
	} {
		for name := range strings.SplitSeq(m.Annotations[a.annotation], ",") {
			if name = strings.TrimSpace(name); name != "" {
				out = append(out, a.system+":"+name)
			}
		}
	}
	return out
}

// date reads an annotation with a date or a time.
func (m metadata) date(annotation string) *time.Time {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, m.Annotations[annotation]); err == nil {
			t = t.UTC()
			return &t
		}
	}
	return nil
}

var isoDuration = regexp.MustCompile(`^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:\d+S)?)?$`)

// minutesSaved is what a template says that one run saves.
func (m metadata) minutesSaved() float64 {
	if n, err := strconv.ParseFloat(m.Annotations[annotationMinutes], 64); err == nil && n >= 0 && n < 1e6 {
		return n
	}
	d := isoDuration.FindStringSubmatch(m.Annotations[annotationTimeSaved])
	if d == nil {
		return 0
	}
	total := 0.0
	for i, minutes := range []float64{24 * 60, 60, 1} {
		// What is left out is 0.
		if n, err := strconv.ParseFloat(d[i+1], 64); err == nil {
			total += n * minutes
		}
	}
	return min(total, 1e6)
}

// capability is the id of the capability that the entity provides, or "".
func (e entity) capability() string {
	if id := e.Metadata.Annotations[annotationCapability]; id != "" {
		return id
	}
	if strings.EqualFold(e.Kind, "template") {
		return e.ref()
	}
	return ""
}

// redact takes the secret annotation out of an entity's JSON.
func redact(raw json.RawMessage) json.RawMessage {
	if !bytes.Contains(raw, []byte(annotationSecret)) {
		return raw
	}
	var whole, meta, annotations map[string]json.RawMessage
	if json.Unmarshal(raw, &whole) != nil || json.Unmarshal(whole["metadata"], &meta) != nil || json.Unmarshal(meta["annotations"], &annotations) != nil {
		return raw
	}
	if v, ok := annotations[annotationSecret]; ok {
		return bytes.ReplaceAll(raw, v, []byte(`"[redacted]"`))
	}
	return raw
}
