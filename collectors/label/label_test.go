package label_test

import (
	"strings"
	"testing"

	"github.com/headway-metrics/headway/collectors/label"
	"github.com/headway-metrics/headway/schema"
)

func rules(t *testing.T) label.Rules {
	t.Helper()
	r, err := label.Labels{
		Incident: []string{"incident|outage"}, Request: []string{"(?:type::)?request"}, Support: []string{"question"}, Feature: []string{"feature[ -]request"}, Bug: []string{"bug"},
	}.Compile("sources.there.labels")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestType(t *testing.T) {
	t.Parallel()
	r := rules(t)
	for labels, want := range map[string]string{
		"Outage": schema.TicketIncident, "bug,incident": schema.TicketIncident, "bug,type::Request": schema.TicketRequest, "question": schema.TicketSupport,
		"bug,Feature Request": schema.TicketFeature, "BUG": schema.TicketBug, "": schema.TicketTask, "no bug": schema.TicketTask, "incidents": schema.TicketTask,
	} {
		names := strings.Split(labels, ",")
		if got := r.Type(names); got != want {
			t.Errorf("%q is a %s, want %s", labels, got, want)
		}
		if r.Incident(names) != (want == schema.TicketIncident) || r.Request(names) != (want == schema.TicketRequest) {
			t.Errorf("%q: incident %t, request %t", labels, r.Incident(names), r.Request(names))
		}
	}
}

func TestCompileNamesTheKey(t *testing.T) {
	t.Parallel()
	_, err := label.Labels{Bug: []string{"bug", "("}}.Compile("sources.there.labels")
	if err == nil || !strings.HasPrefix(err.Error(), "sources.there.labels.bug[1]: ") {
		t.Errorf("error %v", err)
	}
}

func TestValue(t *testing.T) {
	t.Parallel()
	for labels, want := range map[string]string{
		"service:shop": "shop", "bug,Service / shop,x": "shop", "service::shop": "shop", "service:a,service:b": "a", "services:x": "", "service": "", "": "",
		"service:a::b": "a::b",
	} {
		if got := label.Value("service", strings.Split(labels, ",")); got != want {
			t.Errorf("%q has the value %q, want %q", labels, got, want)
		}
	}
}

func TestSeverity(t *testing.T) {
	t.Parallel()
	for labels, want := range map[string]string{"bug,SEV-1": "SEV-1", "p2,sev1": "p2", "severity:high": "high", "severity::low,P0": "P0", "p10": "", "": ""} {
		if got := label.Severity(strings.Split(labels, ",")); got != want {
			t.Errorf("%q is %q, want %q", labels, got, want)
		}
	}
}
