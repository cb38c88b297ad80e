package policyreport_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/policyreport"
	"github.com/headway-metrics/headway/schema"
)

func source(tb testing.TB) collectors.Source {
	tb.Helper()
	s, err := policyreport.Entry().New(policyreport.Entry().Config(), collectors.Deps{APIToken: "t0k3n"})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// Written by hand after the Policy WG's API reference of PolicyReport v1alpha2.
const report = `{"kind":"PolicyReport","scope":{"kind":"Deployment","namespace":"shop","name":"web"},"results":[
	{"source":"kyverno","policy":"require-limits","rule":"check","result":"fail","severity":"medium","timestamp":{"seconds":1777629600}}]}`

func TestContract(t *testing.T) {
	t.Parallel()
	collectortest.Check(t, collectortest.Case{
		Source:     source(t),
		Sign:       func(h http.Header, _ []byte, _ time.Time) { h.Set("Authorization", "Bearer t0k3n") },
		Deliveries: []collectortest.Delivery{{Name: "one", Body: []byte(report)}, {Name: "list", Body: []byte(`{"kind":"List","items":[` + report + `]}`)}},
	})
}

func TestGolden(t *testing.T) {
	t.Parallel()
	collectortest.Golden(t, source(t), "testdata")
}

func read(t *testing.T, body string) ([]*schema.PolicyResult, error) {
	t.Helper()
	facts, err := source(t).Normalize(schema.Event{ID: "1", Source: policyreport.Name, Type: "policyreport.report", Subject: "eu", Time: collectortest.Time, Data: []byte(body)})
	var out []*schema.PolicyResult
	for _, f := range facts {
		out = append(out, f.(*schema.PolicyResult))
	}
	return out, err
}

func TestTheResourceIsTheScopeWhenNoneIsNamed(t *testing.T) {
	t.Parallel()
	got, err := read(t, report)
	if err != nil || len(got) != 1 || got[0].Resource != "Deployment/shop/web" || got[0].Workload != "shop/web" || got[0].Cluster != "eu" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAResultWithoutATimeIsOfTheReport(t *testing.T) {
	t.Parallel()
	got, err := read(t, strings.Replace(report, `,"timestamp":{"seconds":1777629600}`, "", 1))
	if err != nil || len(got) != 1 || !got[0].At.Equal(collectortest.Time) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestTheWorseOfTwoResultsCounts(t *testing.T) {
	t.Parallel()
	for _, order := range []string{`{"policy":"p","result":"pass"},{"policy":"p","result":"fail"}`, `{"policy":"p","result":"fail"},{"policy":"p","result":"pass"}`} {
		got, err := read(t, `{"kind":"ClusterReport","scope":{"kind":"Namespace","name":"shop"},"results":[`+order+`]}`)
		if err != nil || len(got) != 1 || got[0].Outcome != schema.PolicyFail {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"kind":"Pod"}`: "no report",
		`{"kind":"Report","results":[{"result":"pass"}]}`:               "names no policy",
		`{"kind":"Report","results":[{"policy":"p","result":"maybe"}]}`: "is none of",
		`{"kind":"Report","results":[{"policy":"p","result":"pass"}]}`:  "names a resource",
		`{"kind":"PolicyReport","scope":{"kind":"Pod"},"results":[]}`:   "without results",
	} {
		if _, err := read(t, body); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}

func FuzzNormalize(f *testing.F) {
	f.Add([]byte(report))
	s := source(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		facts, err := s.Normalize(schema.Event{ID: "1", Source: policyreport.Name, Type: "policyreport.report", Time: collectortest.Time, Data: data})
		if err == nil && len(facts) == 0 {
			t.Error("no fact and no reason")
		}
		for _, fact := range facts {
			if err := schema.Seal(fact, 0); err != nil || fact.FactID() == "" {
				t.Errorf("fact %q: %v", fact.FactID(), err)
			}
		}
	})
}
