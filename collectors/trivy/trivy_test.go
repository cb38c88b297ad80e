package trivy_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/generic"
	"github.com/headway-metrics/headway/collectors/trivy"
	"github.com/headway-metrics/headway/schema"
)

func source(tb testing.TB) collectors.Source {
	tb.Helper()
	s, err := trivy.Entry().New(trivy.Entry().Config(), collectors.Deps{APIToken: "t0k3n"})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func sign(h http.Header, _ []byte, _ time.Time) { h.Set("Authorization", "Bearer t0k3n") }

// file is the payload of a file of testdata.
func file(tb testing.TB, name string) []byte {
	tb.Helper()
	ev, ok := collectortest.Events(tb, trivy.Name, "testdata")[name]
	if !ok {
		tb.Fatalf("testdata has no %s", name)
	}
	return ev.Data
}

func TestContract(t *testing.T) {
	t.Parallel()
	collectortest.Check(t, collectortest.Case{
		Source: source(t), Sign: sign,
		Deliveries: []collectortest.Delivery{
			{Name: "image", Body: file(t, "image"), Header: http.Header{generic.ServiceHeader: {"shop"}}},
			{Name: "operator", Body: file(t, "operator-vulnerabilities")},
			{Name: "deleted", Body: file(t, "operator-deleted")},
		},
	})
}

func TestGolden(t *testing.T) {
	t.Parallel()
	collectortest.Golden(t, source(t), "testdata")
}

func read(t *testing.T, body string) (scan *schema.Scan, findings []*schema.Finding) {
	t.Helper()
	facts, err := source(t).Normalize(schema.Event{ID: "1", Source: trivy.Name, Type: "trivy.report", Time: collectortest.Time, Data: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	return collectortest.Scanned(facts)
}

func TestTheTargetIsTheImageWithoutItsTag(t *testing.T) {
	t.Parallel()
	series := ""
	for _, image := range []string{"r.io:5000/acme/shop:1", "r.io:5000/acme/shop:2@sha256:00", "r.io:5000/acme/shop"} {
		scan, _ := read(t, `{"SchemaVersion":2,"ArtifactType":"container_image","ArtifactName":"`+image+`"}`)
		if scan.Target != "r.io:5000/acme/shop" || series != "" && scan.Report != series {
			t.Errorf("%s has target %q and series %q", image, scan.Target, scan.Report)
		}
		series = scan.Report
	}
}

func TestAReplicaSetIsItsDeployment(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"web-5d9c7f8b6d": "shop/web", "my-web-app-6c8f7": "shop/my-web-app", "web": "shop/web", "web-backend": "shop/web-backend"} {
		scan, _ := read(t, `{"kind":"VulnerabilityReport","metadata":{"namespace":"shop","labels":{
			"trivy-operator.resource.kind":"ReplicaSet","trivy-operator.resource.name":"`+name+`"}}}`)
		if scan.Workload != want {
			t.Errorf("%s runs as %s, want %s", name, scan.Workload, want)
		}
	}
}

func TestAWeaknessStandsOnceAndPassesNot(t *testing.T) {
	t.Parallel()
	_, findings := read(t, string(file(t, "image")))
	var got []string
	for _, f := range findings {
		got = append(got, f.Fingerprint)
	}
	want := []string{
		"cve-2026-1234|zlib1g", "cve-2026-9|libc6", "ghsa-aaaa-bbbb-cccc|golang.org/x/net", "ds002|dockerfile", "aws-access-key-id|/app/config.yaml|3", "gpl-3.0|bash",
	}
	if !slices.Equal(got, want) {
		t.Errorf("findings %q, want %q", got, want)
	}
}

func TestADeletedWorkloadHasNoFindings(t *testing.T) {
	t.Parallel()
	was, had := read(t, string(file(t, "operator-vulnerabilities")))
	scan, findings := read(t, string(file(t, "operator-deleted")))
	if len(had) == 0 || len(findings) > 0 || scan.Report != was.Report || !scan.At.Equal(collectortest.Time) {
		t.Errorf("%d findings before, %d after; series %q and %q at %s", len(had), len(findings), was.Report, scan.Report, scan.At)
	}
}

func TestTheMatchOfASecretIsNotKept(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"image", "operator-secrets"} {
		d := collectortest.Delivery{Name: name, Path: "/hooks/trivy", Header: http.Header{}, Body: file(t, name)}
		collectortest.CheckSecretIsGone(t, source(t), sign, d, "REDACTED", "********************")
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"SchemaVersion":1}`:             "neither a report of SchemaVersion 2",
		`{"SchemaVersion":2}`:             "ArtifactName is missing",
		`{"kind":"VulnerabilityReport"}`:  "which resource",
		`{"SchemaVersion":2,"Results":7}`: "reading the report",
	} {
		_, err := source(t).Normalize(schema.Event{ID: "1", Source: trivy.Name, Type: "trivy.report", Time: collectortest.Time, Data: []byte(body)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}

func FuzzNormalize(f *testing.F) {
	for _, name := range []string{"image", "operator-vulnerabilities", "operator-audit", "operator-secrets"} {
		f.Add(file(f, name))
	}
	s := source(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		facts, err := s.Normalize(schema.Event{ID: "1", Source: trivy.Name, Type: "trivy.report", Subject: "service=x", Time: collectortest.Time, Data: data})
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
