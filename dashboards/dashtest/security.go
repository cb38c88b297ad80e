package dashtest

import (
	"fmt"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// security: findings of two tools, scans, results of policies and costs.
func (o *organisation) security() {
	severities := []string{schema.SeverityCritical, schema.SeverityHigh, schema.SeverityMedium, schema.SeverityLow}
	for n := range Days {
		day := o.day(n).Truncate(24 * time.Hour)
		for i, team := range teams[:6] {
			service := team + "-api"
			if i < 5 && n%7 == i {
				o.facts = append(o.facts, &schema.Scan{Meta: o.meta(), ScanID: fmt.Sprintf("scan-%s-%d", team, n), At: day.Add(time.Hour), Tool: "trivy", ServiceRef: service})
			}
			if o.r.Float64() < 0.25 {
				o.finding(service, fmt.Sprintf("CVE-2026-%d", 1000+n), severities[min(3, o.r.IntN(6))], day.Add(2*time.Hour))
			}
			if n%2 == 0 {
				o.policies(team, service, n, day)
			}
			for c, category := range []string{"compute", "storage"} {
				o.facts = append(o.facts, &schema.Cost{
					Meta: o.meta(), CostID: service + category, Day: day, Amount: float64(20+5*i-8*c) + o.r.Float64(), Currency: "EUR", Category: category,
					Cluster: "east", ServiceRef: service,
				})
			}
		}
	}
}

func (o *organisation) finding(service, cve, severity string, opened time.Time) {
	f := &schema.Finding{
		Meta: o.meta(), FindingID: service + cve, Fingerprint: schema.Fingerprint(cve, "zlib"), Kind: schema.FindingVulnerability, Tool: "trivy", Rule: cve,
		Title: "Weakness in zlib", Severity: severity, Package: "zlib", Target: "registry.example.org/" + service, ServiceRef: service, State: schema.FindingOpen,
		OpenedAt: &opened, SeenAt: opened,
	}
	if closed := opened.Add(time.Duration(o.seconds(12*86400, .9)) * time.Second); closed.Before(o.now) {
		f.State, f.ClosedAt = schema.FindingFixed, &closed
		if o.r.Float64() < 0.1 {
			f.State, f.Reason = schema.FindingDismissed, schema.DismissedAccepted
		}
	}
	o.facts = append(o.facts, f)
}

func (o *organisation) policies(team, service string, n int, day time.Time) {
	for p, name := range []string{"require-limits", "allowed-registries", "no-privileged"} {
		outcome := schema.PolicyPass
		switch x := o.r.Float64(); {
		case x < 0.3-0.2*float64(n)/Days:
			outcome = schema.PolicyFail
		case x > 0.97:
			outcome = schema.PolicyError
		case x > 0.94:
			outcome = schema.PolicySkip
		}
		o.facts = append(o.facts, &schema.PolicyResult{
			Meta: o.meta(), ResultID: name + service, Day: day, At: day.Add(time.Duration(p) * time.Hour), Tool: "kyverno", Policy: name, Severity: schema.SeverityMedium,
			Outcome: outcome, Cluster: "east", Resource: "Deployment/" + team + "/" + service, ServiceRef: service,
		})
		if o.r.Float64() < 0.05 {
			at := day.Add(9 * time.Hour)
			o.facts = append(o.facts, &schema.PolicyResult{
				Meta: o.meta(), ResultID: fmt.Sprintf("denied-%s-%s-%d", name, service, n), Day: day, At: at, Tool: "kyverno", Policy: name,
				Severity: schema.SeverityMedium, Outcome: schema.PolicyDenied, Cluster: "east", Resource: "Pod/" + team + "/try", ServiceRef: service,
			})
		}
	}
}
