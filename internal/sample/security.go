package sample

import (
	"fmt"
	"time"
)

// Scan is a look of a tool at a service.
type Scan struct {
	At      time.Time
	Service *Service
	Tool    string
}

// Finding is a weakness of a service, as one tool tells it.
type Finding struct {
	ID       string
	Service  *Service
	Kind     string // vulnerability, code, secret
	Tool     string
	Rule     string
	Package  string
	Severity string
	State    string // open, fixed, dismissed
	Reason   string
	OpenedAt time.Time
	ClosedAt time.Time // zero: still open
}

// PolicyResult is what a policy said of what a service runs, or of a request.
type PolicyResult struct {
	ID       string // of a denied request; "" is one of the check
	At       time.Time
	Service  *Service
	Policy   string
	Severity string
	Outcome  string
}

// Cost is what a service cost on one day.
type Cost struct {
	Day      time.Time
	Service  *Service
	Category string
	Currency string
	Amount   float64
}

// Who is scanned: all services but a few that nobody has connected yet, each once
// a week. The first scans of the platform's new scanner come on this day.
const scannerDay = 40

func (h *History) makeSecurity() {
	d := newDice(h.Seed, "security")
	n := 0
	for i, s := range h.Services {
		if s.Channel == ByTag || i%11 == 4 {
			continue
		}
		first := i % 7
		if i%3 == 1 {
			first = scannerDay + i%7
		}
		for day := first; day < Days; day += 7 {
			at := h.Day(day).Add(3 * time.Hour)
			if !s.CreatedAt.IsZero() && at.Before(s.CreatedAt) {
				continue
			}
			h.Scans = append(h.Scans, Scan{At: at, Service: s, Tool: "grype"})
			for d.chance(0.45) {
				n++
				f := h.finding(d, s, n, at)
				h.Findings = append(h.Findings, f)
				if f.Kind == "vulnerability" && d.chance(0.2) {
					// Another tool finds the same, thinks worse of it, and later.
					f.ID, f.Tool, f.Severity = f.ID+"-b", "depscan", "high"
					f.OpenedAt = f.OpenedAt.Add(d.between(time.Hour, 60*time.Hour))
					if !f.OpenedAt.After(h.End) && (f.ClosedAt.IsZero() || f.OpenedAt.Before(f.ClosedAt)) {
						h.Findings = append(h.Findings, f)
					}
				}
			}
		}
	}
}

func (h *History) finding(d dice, s *Service, n int, at time.Time) Finding {
	f := Finding{
		ID: fmt.Sprintf("finding-%05d", n), Service: s, Kind: "vulnerability", Tool: "grype", Rule: fmt.Sprintf("CVE-2026-%04d", 1000+n),
		Package: pick(d, []string{"openssl", "zlib", "curl", "log4j-core", "jackson-databind", "busybox"}), State: "open", OpenedAt: at,
		Severity: pick(d, []string{"critical", "high", "high", "medium", "medium", "medium", "low", "low"}),
	}
	switch {
	case d.chance(0.15):
		f.Kind, f.Tool, f.Package, f.Rule = "code", "semgrep", "", pick(d, []string{"sql-injection", "path-traversal", "weak-hash"})+fmt.Sprintf("-%d", n)
	case d.chance(0.05):
		f.Kind, f.Tool, f.Package, f.Rule, f.Severity = "secret", "gitleaks", "", fmt.Sprintf("cloud-key-%d", n), "critical"
	}
	median := map[string]time.Duration{"critical": 4 * 24 * time.Hour, "high": 12 * 24 * time.Hour, "medium": 35 * 24 * time.Hour, "low": 80 * 24 * time.Hour}
	if closed := at.Add(d.around(median[f.Severity])); closed.Before(h.End) {
		f.ClosedAt, f.State = closed, "fixed"
		if d.chance(0.12) {
			f.State, f.Reason = "dismissed", pick(d, []string{"false_positive", "accepted"})
		}
	}
	return f
}

// policyNames are the platform's rules; the last comes when the bad quarter ends.
func policyNames() []string {
	return []string{"require-limits", "allowed-registries", "no-privileged", "owner-label"}
}

// makePolicies evaluates the rules on everything that runs on the platform, every
// third day, and has admission refuse a request now and then.
func (h *History) makePolicies() {
	d := newDice(h.Seed, "policies")
	breaks := map[string]bool{}
	for day := 0; day < Days; day += 3 {
		for _, s := range h.Services {
			if s.OnPlatformFrom.IsZero() || h.Day(day).Before(s.OnPlatformFrom) {
				continue
			}
			for i, policy := range policyNames() {
				if i == 3 && day < badQuarterTo {
					continue
				}
				key := policy + s.ID
				if _, known := breaks[key]; !known {
					breaks[key] = d.chance(0.35)
				} else if breaks[key] && d.chance(0.04) {
					breaks[key] = false
				}
				r := PolicyResult{At: h.Day(day).Add(5*time.Hour + time.Duration(i)*time.Minute), Service: s, Policy: policy, Severity: "medium", Outcome: "pass"}
				switch {
				case d.chance(0.01):
					r.Outcome = "error"
				case d.chance(0.02):
					r.Outcome = "skip"
				case breaks[key]:
					r.Outcome = "fail"
				}
				h.Policies = append(h.Policies, r)
				if d.chance(0.01) {
					r.ID = fmt.Sprintf("denied-%05d", len(h.Policies))
					r.Outcome, r.At = "denied", r.At.Add(d.between(4*time.Hour, 10*time.Hour))
					h.Policies = append(h.Policies, r)
				}
			}
		}
	}
}

// makeCosts: the bill of yesterday, in euros; what stayed behind is paid in dollars.
func (h *History) makeCosts() {
	d := newDice(h.Seed, "costs")
	size := map[string]float64{}
	for day := range Days {
		for _, s := range h.Services {
			if s.Channel == ByTag || !s.CreatedAt.IsZero() && h.Day(day).Before(s.CreatedAt) {
				continue
			}
			if size[s.ID] == 0 {
				size[s.ID] = 8 + 40*d.Float64()
			}
			currency := "EUR"
			if s.OnPlatformFrom.IsZero() {
				currency = "USD"
			}
			for i, category := range []string{"compute", "storage"} {
				// Whole quarters add up to the same in any order.
				quarters := int(4 * size[s.ID] * (1 + 0.1*d.NormFloat64()) / float64(1+3*i))
				h.Costs = append(h.Costs, Cost{Day: h.Day(day), Service: s, Category: category, Currency: currency, Amount: float64(max(quarters, 0)) / 4})
			}
		}
	}
}

// security is what a pipeline sends of its scans: the scan, a finding when it is
// found, and again when it is over.
func (h *History) security() []Delivery {
	var out []Delivery
	for _, s := range h.Scans {
		out = append(out, apiDelivery(s.At, "/v1/scans", object{"tool": s.Tool, "at": stamp(s.At), "service": s.Service.ID}))
	}
	for _, f := range h.Findings {
		o := func() object {
			return object{
				"id": f.ID, "kind": f.Kind, "tool": f.Tool, "rule": f.Rule, "title": f.Rule + " in " + f.Service.ID, "severity": f.Severity,
				"package": f.Package, "service": f.Service.ID, "target": "registry.acme.example/" + f.Service.ID, "state": "open", "opened_at": stamp(f.OpenedAt),
				"url": "https://scans.acme.example/" + f.ID,
			}
		}
		out = append(out, apiDelivery(f.OpenedAt, "/v1/findings", o()))
		if !f.ClosedAt.IsZero() {
			end := o()
			end["state"], end["closed_at"] = f.State, stamp(f.ClosedAt)
			if f.Reason != "" {
				end["reason"] = f.Reason
			}
			out = append(out, apiDelivery(f.ClosedAt, "/v1/findings", end))
		}
	}
	return out
}

// policies is one request for each evaluation.
func (h *History) policies() []Delivery {
	days := map[time.Time][]object{}
	for _, r := range h.Policies {
		o := object{
			"tool": "kyverno", "policy": r.Policy, "severity": r.Severity, "outcome": r.Outcome, "at": stamp(r.At), "cluster": "platform-eu-1",
			"resource": "Deployment/" + r.Service.ID, "service": r.Service.ID,
		}
		if r.ID != "" {
			o["id"], o["resource"] = r.ID, "Pod/"+r.Service.ID
		}
		day := r.At.Truncate(24 * time.Hour)
		days[day] = append(days[day], o)
	}
	return h.daily(days, "/v1/policy-results", 20*time.Hour)
}

// costs is one request for each day, sent on the next.
func (h *History) costs() []Delivery {
	days := map[time.Time][]object{}
	for _, c := range h.Costs {
		days[c.Day] = append(days[c.Day], object{
			"day": c.Day.Format(time.DateOnly), "amount": c.Amount, "currency": c.Currency, "category": c.Category, "service": c.Service.ID,
		})
	}
	return h.daily(days, "/v1/costs", 24*time.Hour)
}

// daily is one request a day with what there is, so long after the day began.
func (h *History) daily(days map[time.Time][]object, path string, after time.Duration) []Delivery {
	var out []Delivery
	for day := range Days {
		if list := days[h.Day(day)]; len(list) > 0 {
			out = append(out, apiDelivery(h.Day(day).Add(after), path, list))
		}
	}
	return out
}
