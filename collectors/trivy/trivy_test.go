package trivy_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
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

func file(tb testing.TB, name string) []byte {
	tb.Helper()
	var f collectortest.File
	b, err := os.ReadFile("testdata/" + name + ".json")
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return f.Data
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
	for _, f := range facts {
		switch f := f.(type) {
		case *schema.Scan:
			scan = f
		case *schema.Finding:
			findings = append(findings, f)
		}
	}
	return scan, findings
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

// TestTheMatchOfASecretIsNotKept: not in the event, hence nowhere.
func TestTheMatchOfASecretIsNotKept(t *testing.T) {
	t.Parallel()
	const secret = "AKIAIOSFODNN7EXAMPLE"
	for _, name := range []string{"image", "operator-secrets"} {
		body := bytes.ReplaceAll(bytes.ReplaceAll(file(t, name), []byte("REDACTED"), []byte(secret)), []byte("********************"), []byte(secret))
		if !bytes.Contains(body, []byte(secret)) {
			t.Fatalf("%s has no secret to take out", name)
		}
		var p collectortest.Publisher
		d := collectortest.Delivery{Path: "/hooks/trivy", Header: http.Header{}, Body: body}
		sign(d.Header, d.Body, collectortest.Time)
		if rec := collectortest.Post(collectortest.NewServer(t, source(t), &p), d); rec.Code/100 != 2 {
			t.Fatalf("answered %d", rec.Code)
		}
		ev := p.Events()[0]
		if bytes.Contains(ev.Data, []byte(secret)) {
			t.Errorf("the event holds the secret: %s", ev.Data)
		}
		if got := collectortest.Describe(t, source(t), ev); !bytes.Contains(got, []byte(`"Kind": "secret"`)) {
			t.Errorf("no finding of a secret is left: %s", got)
		}
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
