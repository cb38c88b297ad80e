package trivy

import (
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// report is what both kinds of report have in common.
type report struct {
	// series names the target, whatever version of it was scanned.
	series   string
	scan     schema.Scan
	findings []*schema.Finding
}

// add keeps one finding for each fingerprint.
func (r *report) add(f *schema.Finding) {
	for _, have := range r.findings {
		if have.Fingerprint == f.Fingerprint {
			return
		}
	}
	r.findings = append(r.findings, f)
}

// facts are those of a report that a source brings.
func (r *report) facts(source string) []schema.Fact {
	s := r.scan
	s.Meta = schema.Meta{Source: source, Version: schema.NewVersion(s.At, 0)}
	s.Tool, s.Report = Name, r.series
	s.ScanID = s.Report + "@" + s.At.UTC().Format(time.RFC3339Nano)
	out := []schema.Fact{&s}
	for _, f := range r.findings {
		f.Meta = schema.Meta{Source: source, URL: f.URL, Version: schema.NewVersion(s.At, 0)}
		f.FindingID = Name + ":" + schema.EventID(r.series, f.Fingerprint)
		f.Tool, f.Report, f.State, f.SeenAt = Name, r.series, schema.FindingOpen, s.At
		f.Target, f.Repo, f.Workload, f.ServiceRef = s.Target, s.Repo, s.Workload, s.ServiceRef
		out = append(out, f, &schema.FindingStart{
			Meta: schema.Meta{Source: source, Version: schema.EarliestVersion(s.At)}, FindingID: f.FindingID, At: s.At,
		})
	}
	return out
}

// imageName is an image without its tag and digest.
func imageName(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if i := strings.LastIndex(ref, ":"); i > strings.LastIndex(ref, "/") {
		ref = ref[:i]
	}
	return ref
}
