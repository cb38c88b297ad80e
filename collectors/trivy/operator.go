package trivy

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// custom is the part of the operator's reports that is read.
type custom struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Namespace string            `json:"namespace"`
		Labels    map[string]string `json:"labels"`
	} `json:"metadata"`
	Report struct {
		UpdateTimestamp time.Time `json:"updateTimestamp"`
		Artifact        struct {
			Repository string `json:"repository"`
		} `json:"artifact"`
		Registry struct {
			Server string `json:"server"`
		} `json:"registry"`
		Vulnerabilities []struct {
			VulnerabilityID string `json:"vulnerabilityID"`
			Resource        string `json:"resource"`
			Title           string `json:"title"`
			Severity        string `json:"severity"`
			PrimaryLink     string `json:"primaryLink"`
			Target          string `json:"target"`
		} `json:"vulnerabilities"`
		Checks []struct {
			CheckID  string `json:"checkID"`
			Title    string `json:"title"`
			Severity string `json:"severity"`
			Success  bool   `json:"success"`
		} `json:"checks"`
		Secrets []struct {
			RuleID   string `json:"ruleID"`
			Title    string `json:"title"`
			Severity string `json:"severity"`
			Target   string `json:"target"`
		} `json:"secrets"`
	} `json:"report"`
}

// hashed is the name of a ReplicaSet: that of its Deployment and a hash, which
// Kubernetes writes without vowels.
var hashed = regexp.MustCompile(`^(.+)-[bcdfghjklmnpqrstvwxz2456789]{5,10}$`)

// operatorReport reads a report of the operator; gone says that its workload was
// deleted, which ends all its findings.
func operatorReport(data []byte, received time.Time, gone bool) (*report, error) {
	var c custom
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("reading the operator's report: %w", err)
	}
	switch c.Kind {
	case "VulnerabilityReport", "ConfigAuditReport", "ExposedSecretReport":
	default:
		return nil, schema.Ignore("Trivy operator's report of a kind that holds no findings of workloads")
	}
	const label = "trivy-operator."
	labels := c.Metadata.Labels
	kind, name := labels[label+"resource.kind"], labels[label+"resource.name"]
	if name == "" {
		return nil, errors.New("metadata.labels do not say which resource the report is of")
	}
	if m := hashed.FindStringSubmatch(name); kind == "ReplicaSet" && m != nil {
		kind, name = "Deployment", m[1]
	}
	namespace := cmp.Or(labels[label+"resource.namespace"], c.Metadata.Namespace)
	r := &report{scan: schema.Scan{At: c.Report.UpdateTimestamp, Workload: namespace + "/" + name}}
	if r.scan.At.IsZero() || gone {
		r.scan.At = received
	}
	r.scan.Target = kind + "/" + r.scan.Workload
	if image := c.Report.Artifact.Repository; image != "" {
		r.scan.Target = strings.TrimPrefix(c.Report.Registry.Server+"/"+imageName(image), "/")
	}
	r.series = strings.Join([]string{Name, c.Kind, kind, r.scan.Workload, labels[label+"container.name"]}, "|")
	if gone {
		return r, nil
	}
	for _, v := range c.Report.Vulnerabilities {
		r.add(&schema.Finding{
			Meta: schema.Meta{URL: v.PrimaryLink}, Kind: schema.FindingVulnerability, Rule: v.VulnerabilityID, Title: v.Title, Package: v.Resource,
			Path: v.Target, Severity: schema.Severity(v.Severity), Fingerprint: schema.Fingerprint(v.VulnerabilityID, v.Resource),
		})
	}
	for _, x := range c.Report.Checks {
		if !x.Success {
			r.add(&schema.Finding{
				Kind: schema.FindingMisconfiguration, Rule: x.CheckID, Title: x.Title, Severity: schema.Severity(x.Severity),
				Fingerprint: schema.Fingerprint(x.CheckID, kind, r.scan.Workload),
			})
		}
	}
	for _, x := range c.Report.Secrets {
		r.add(&schema.Finding{
			Kind: schema.FindingSecret, Rule: x.RuleID, Title: x.Title, Path: x.Target, Severity: schema.Severity(x.Severity),
			Fingerprint: schema.Fingerprint(x.RuleID, x.Target),
		})
	}
	return r, nil
}
