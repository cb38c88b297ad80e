package jenkins

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/schema"
)

// notification is a delivery of the Notification plugin. The shape is that of its
// model classes JobState, BuildState and ScmState, and the meaning of timestamp that
// of its JobListener: https://github.com/jenkinsci/notification-plugin.
type notification struct {
	Build struct {
		FullURL   string `json:"full_url"`
		URL       string `json:"url"`
		Number    int64  `json:"number"`
		Phase     string `json:"phase"`
		Status    string `json:"status"`
		Timestamp int64  `json:"timestamp"`
		Duration  int64  `json:"duration"`
		SCM       struct {
			URL    string `json:"url"`
			Branch string `json:"branch"`
			Commit string `json:"commit"`
		} `json:"scm"`
		Parameters map[string]string `json:"parameters"`
	} `json:"build"`
}

// Verify checks the shared secret.
func (s *Source) Verify(header http.Header, body []byte, now time.Time) error {
	return s.scheme.Verify(header, body, now)
}

// Events makes the one event of a delivery.
func (*Source) Events(header http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	var n notification
	if json.Unmarshal(body, &n) != nil || n.Build.Phase == "" {
		return []schema.Event{collectors.Unreadable(Name, header, body, received)}, nil //nolint:nilerr // It goes to the dead letters.
	}
	job, _ := jobOf(cmp.Or(n.Build.FullURL, n.Build.URL))
	return []schema.Event{{
		// The plugin gives no id; what it says again is the same body.
		ID: schema.EventID("notification", string(body)), Source: Name, Type: Name + ".notification." + strings.ToLower(n.Build.Phase),
		Subject: job, Time: received.UTC(), Key: job, ContentType: header.Get("Content-Type"), Data: body,
	}}, nil
}

// normalizeNotification reads the phases whose timestamp is exact.
func (s *Source) normalizeNotification(ev schema.Event) ([]schema.Fact, error) {
	var n notification
	if err := json.Unmarshal(ev.Data, &n); err != nil {
		return nil, fmt.Errorf("reading a notification: %w", err)
	}
	b := n.Build
	if ev.Type != Name+".notification."+strings.ToLower(b.Phase) {
		return nil, fmt.Errorf("unknown type %q", ev.Type)
	}
	r := run{
		url: cmp.Or(b.FullURL, b.URL), number: b.Number, started: millis(b.Timestamp),
		commit: b.SCM.Commit, branch: b.SCM.Branch, params: b.Parameters,
	}
	if b.FullURL == "" && s.cfg.URL != "" {
		// Jenkins does not know its own address.
		r.url = strings.TrimSuffix(s.cfg.URL, "/") + "/" + b.URL
	}
	if b.SCM.URL != "" {
		r.repo = schema.RepoID(b.SCM.URL)
	}
	switch strings.ToUpper(b.Phase) {
	case "QUEUED":
		return nil, schema.Ignore("Jenkins build queued")
	case "FINALIZED":
		return nil, schema.Ignore("Jenkins build finalized")
	case "NONE":
		return nil, schema.Ignore("Jenkins notification of a pipeline step")
	case "STARTED":
		r.status = schema.StatusRunning
	case "COMPLETED":
		at := millis(b.Timestamp)
		r.started, r.finished, r.rank = at.Add(-time.Duration(b.Duration)*time.Millisecond), &at, rankCompleted
		if err := r.result(b.Status); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("phase %.40q is unknown", b.Phase)
	}
	return s.facts(r)
}
