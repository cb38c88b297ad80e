package sarif_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/collectors/generic"
	"github.com/headway-metrics/headway/collectors/sarif"
	"github.com/headway-metrics/headway/schema"
)

func source(tb testing.TB) collectors.Source {
	tb.Helper()
	s, err := sarif.Entry().New(sarif.Entry().Config(), collectors.Deps{APIToken: "t0k3n"})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func sign(h http.Header, _ []byte, _ time.Time) { h.Set("Authorization", "Bearer t0k3n") }

// file is the payload of a file of testdata.
func file(tb testing.TB, name string) []byte {
	tb.Helper()
	ev, ok := collectortest.Events(tb, sarif.Name, "testdata")[name]
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
			{Name: "code", Body: file(t, "code")},
			{Name: "packages", Body: file(t, "packages"), Header: http.Header{generic.ServiceHeader: {"shop"}}},
		},
	})
}

func TestGolden(t *testing.T) {
	t.Parallel()
	collectortest.Golden(t, source(t), "testdata")
}

// read gives the findings of results, one run of a tool on a repository; run holds
// more members of the run.
func read(t *testing.T, run, results string) (scan *schema.Scan, findings []*schema.Finding) {
	t.Helper()
	body := `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"Scan","rules":[
		{"id":"A","defaultConfiguration":{"level":"error"}},{"id":"B"},{"id":"C","defaultConfiguration":{"level":"note"},"properties":{"security-severity":"9.1"}}]}},` +
		run + `"results":[` + results + `]}]}`
	facts, err := source(t).Normalize(schema.Event{
		ID: "1", Source: sarif.Name, Type: "sarif.report", Subject: "repository=github.com%2Facme%2Fshop", Time: collectortest.Time, Data: []byte(body),
	})
	if err != nil {
		t.Fatal(err)
	}
	return collectortest.Scanned(facts)
}

func at(line string) string {
	return `"locations":[{"physicalLocation":{"artifactLocation":{"uri":"a.go"},"region":{"startLine":` + line + `}}}]`
}

func TestPartialFingerprintsNameAResult(t *testing.T) {
	t.Parallel()
	const fp = `"partialFingerprints":{"primaryLocationLineHash":"abc:1"},`
	_, f := read(t, "", `{"ruleId":"A",`+fp+at("1")+`},{"ruleId":"A",`+fp+at("9")+`},{"ruleId":"B",`+fp+at("1")+`},{"ruleId":"B",`+at("1")+`},{"ruleId":"B",`+at("2")+`}`)
	var got []string
	for _, x := range f {
		got = append(got, x.Fingerprint)
	}
	if want := "a|primarylocationlinehash=abc:1 b|primarylocationlinehash=abc:1 b|a.go|1 b|a.go|2"; strings.Join(got, " ") != want {
		t.Errorf("fingerprints %q, want %q", got, want)
	}
	// The same result in a later file is the same finding.
	_, again := read(t, `"invocations":[{"endTimeUtc":"2026-06-02T00:00:00Z"}],`, `{"ruleId":"A",`+fp+at("77")+`}`)
	if again[0].FindingID != f[0].FindingID {
		t.Errorf("a moved line makes another finding")
	}
}

func TestTheLevelIsThatOfTheRule(t *testing.T) {
	t.Parallel()
	_, f := read(t, "", `{"ruleId":"A"},{"ruleId":"B"},{"ruleId":"C"},{"ruleIndex":0,"level":"note",`+at("2")+`},{"rule":{"id":"A/1"},`+at("3")+`}`)
	want := []string{schema.SeverityHigh, schema.SeverityMedium, schema.SeverityCritical, schema.SeverityLow, schema.SeverityHigh}
	if len(f) != len(want) {
		t.Fatalf("%d findings, want %d", len(f), len(want))
	}
	for i, x := range f {
		if x.Severity != want[i] {
			t.Errorf("result %d is %s, want %s", i, x.Severity, want[i])
		}
	}
}

func TestSuppressedAbsentAndPassingResults(t *testing.T) {
	t.Parallel()
	_, f := read(t, "", `{"ruleId":"A","suppressions":[{"kind":"inSource"}]},{"ruleId":"B","baselineState":"absent"},{"ruleId":"C","kind":"pass"},
		{"ruleId":"B","suppressions":[{"kind":"external","status":"rejected"}],`+at("1")+`}`)
	if len(f) != 2 || f[0].State != schema.FindingDismissed || f[0].Reason != schema.DismissedAccepted || f[1].State != schema.FindingOpen {
		t.Errorf("findings %+v", f)
	}
}

func TestARunThatDidNotSucceedEndsNothing(t *testing.T) {
	t.Parallel()
	scan, f := read(t, `"invocations":[{"executionSuccessful":false}],`, `{"ruleId":"A"}`)
	if scan.Report != "" || f[0].Report == "" {
		t.Errorf("the scan is of series %q, its finding of %q", scan.Report, f[0].Report)
	}
	if scan, f = read(t, `"invocations":[{"executionSuccessful":true}],`, `{"ruleId":"A"}`); scan.Report != f[0].Report {
		t.Errorf("the scan is of series %q, its finding of %q", scan.Report, f[0].Report)
	}
}

func TestAPullRequestIsNotWhatRuns(t *testing.T) {
	t.Parallel()
	_, err := source(t).Normalize(schema.Event{ID: "1", Source: sarif.Name, Type: "sarif.report", Time: collectortest.Time, Data: []byte(
		`{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}},"versionControlProvenance":[{"repositoryUri":"https://github.com/acme/shop","branch":"refs/pull/7/merge"}]}]}`)})
	if _, ok := errors.AsType[*schema.IgnoredError](err); !ok {
		t.Errorf("the error is %v, want it ignored by name", err)
	}
}

func TestTheSecretInASnippetIsNotKept(t *testing.T) {
	t.Parallel()
	header := http.Header{generic.RepositoryHeader: {"https://github.com/acme/shop"}}
	collectortest.CheckSecretIsGone(t, source(t), sign, collectortest.Delivery{Name: "secrets", Path: "/hooks/sarif", Header: header, Body: file(t, "secrets")}, "REDACTED")
}

func TestWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"version":"1.0.0"}`:                                           `version "1.0.0"`,
		`{"version":"2.1.0","runs":[]}`:                                 "without runs",
		`{"version":"2.1.0","runs":[{}]}`:                               "tool has no name",
		`{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}}}]}`: "say what was scanned",
		`{"version":2}`:                                                 "reading SARIF",
	} {
		_, err := source(t).Normalize(schema.Event{ID: "1", Source: sarif.Name, Type: "sarif.report", Time: collectortest.Time, Data: []byte(body)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}

func FuzzNormalize(f *testing.F) {
	for _, name := range []string{"code", "packages", "secrets"} {
		f.Add(file(f, name))
	}
	s := source(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		facts, err := s.Normalize(schema.Event{ID: "1", Source: sarif.Name, Type: "sarif.report", Subject: "service=x", Time: collectortest.Time, Data: data})
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
