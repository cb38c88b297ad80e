package collectortest

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/schema"
)

// Scanned are the last scan and the findings among facts.
func Scanned(facts []schema.Fact) (scan *schema.Scan, findings []*schema.Finding) {
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

// CheckSecretIsGone sends a report in which a secret stands in place of what its file
// hides it behind. It must be in no event, hence nowhere, and its finding must be left.
func CheckSecretIsGone(t *testing.T, s collectors.Source, sign func(http.Header, []byte, time.Time), d Delivery, hidden ...string) {
	t.Helper()
	const secret = "AKIAIOSFODNN7EXAMPLE" //nolint:gosec // AWS' own example, which opens nothing.
	for _, h := range hidden {
		d.Body = bytes.ReplaceAll(d.Body, []byte(h), []byte(secret))
	}
	if !bytes.Contains(d.Body, []byte(secret)) {
		t.Fatalf("%s has no secret to take out", d.Name)
	}
	var p Publisher
	sign(d.Header, d.Body, Time)
	if rec := Post(NewServer(t, s, &p), d); rec.Code/100 != 2 {
		t.Fatalf("%s: answered %d", d.Name, rec.Code)
	}
	ev := p.Events()[0]
	if bytes.Contains(ev.Data, []byte(secret)) {
		t.Errorf("%s: the event holds the secret: %s", d.Name, ev.Data)
	}
	if got := Describe(t, s, ev); !bytes.Contains(got, []byte(`"Kind": "secret"`)) {
		t.Errorf("%s: no finding of a secret is left: %s", d.Name, got)
	}
}
