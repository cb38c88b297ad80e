package backstage

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// analyticsEvent is what Backstage's analytics API captures. See
// https://backstage.io/docs/plugins/analytics.
type analyticsEvent struct {
	Action  string `json:"action"`
	Subject string `json:"subject"`
	Context struct {
		PluginID  string `json:"pluginId"`
		EntityRef string `json:"entityRef"`
	} `json:"context"`
	Attributes map[string]any `json:"attributes"`
	// Timestamp and User are added by whoever forwards the event, the user from the
	// token and never from the page.
	Timestamp analyticsTime `json:"timestamp"`
	User      string        `json:"userEntityRef"`
}

// analyticsTime is RFC 3339 or milliseconds since 1970.
type analyticsTime struct{ time.Time }

// UnmarshalJSON accepts null as no time.
func (t *analyticsTime) UnmarshalJSON(b []byte) error {
	if ms, err := strconv.ParseInt(string(b), 10, 64); err == nil {
		t.Time = time.UnixMilli(ms).UTC()
		return nil
	}
	var l looseTime
	if err := l.UnmarshalJSON(b); err != nil {
		return err
	}
	t.Time = l.Time
	return nil
}

func (s *Source) normalizeAnalytics(ev schema.Event, payload json.RawMessage) ([]schema.Fact, error) {
	var list []analyticsEvent
	if err := json.Unmarshal(payload, &list); err != nil {
		var one analyticsEvent
		if err := json.Unmarshal(payload, &one); err != nil {
			return nil, fmt.Errorf("reading an analytics event: %w", err)
		}
		list = []analyticsEvent{one}
	}
	var out []schema.Fact
	for i, a := range list {
		if a.Action == "" {
			return nil, errors.New("analytics event without action")
		}
		out = append(out, s.use(ev, i, a))
	}
	if len(out) == 0 {
		return nil, schema.Ignore("no analytics events")
	}
	return out, nil
}

// use is one use of a capability. Creating something from a template is one;
// looking at a page never is; what else is one, the configuration says.
func (s *Source) use(ev schema.Event, i int, a analyticsEvent) *schema.CapabilityUse {
	at := a.Timestamp.Time
	if at.IsZero() {
		at = ev.Time
	}
	plugin := Plugin{ID: a.Context.PluginID}
	for _, p := range s.cfg.Plugins {
		if p.ID == a.Context.PluginID {
			plugin = p
		}
	}
	u := &schema.CapabilityUse{
		Meta:  schema.Meta{Source: Name, Version: schema.NewVersion(at, 0)},
		UseID: Name + ":analytics:" + ev.ID + ":" + strconv.Itoa(i), At: at, Action: a.Action,
		CapabilityID: cmp.Or(plugin.Capability, strings.TrimSuffix(Name+":"+a.Context.PluginID, ":")),
	}
	if a.Action == "create" || a.Action != "navigate" && slices.Contains(plugin.Qualifying, a.Action) {
		u.Qualifying = 1
	}
	switch ref := strings.ToLower(a.Context.EntityRef); {
	case strings.HasPrefix(ref, "template:") && a.Action == "create":
		u.CapabilityID = cmp.Or(plugin.Capability, fullRef(ref, "template", ""))
	case strings.HasPrefix(ref, "component:"):
		u.ServiceRef = Name + ":" + fullRef(ref, "component", "")
	}
	if user := strings.ToLower(a.User); strings.HasPrefix(user, "user:") {
		u.Actor = Name + ":" + user
	}
	return u
}
