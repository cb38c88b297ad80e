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

// SecretMembers are the members of reports that may hold the secret that was found.
func SecretMembers() []string { return []string{"Match", "match", "Code"} }

// Resource is the workload and the container that a report of the operator is of, by
// the labels of the report; a ReplicaSet is its Deployment. Reports of one kind and one
// Resource follow each other.
func Resource(namespace string, labels map[string]string) string {
	kind, name := owner(labels)
	return strings.Join([]string{kind, cmp.Or(labels[label+"resource.namespace"], namespace) + "/" + name, labels[label+"container.name"]}, "|")
}

// Labels are those that a Resource was read from, as far as it matters.
func Labels(resource string) map[string]string {
	kind, rest, _ := strings.Cut(resource, "|")
	workload, container, _ := strings.Cut(rest, "|")
	namespace, name, _ := strings.Cut(workload, "/")
	return map[string]string{
		label + "resource.kind": kind, label + "resource.namespace": namespace, label + "resource.name": name, label + "container.name": container,
	}
}

// label begins the names of the operator's labels.
const label = "trivy-operator."

// owner is the kind and name of what a report is of.
func owner(labels map[string]string) (kind, name string) {
	kind, name = labels[label+"resource.kind"], labels[label+"resource.name"]
	if m := hashed.FindStringSubmatch(name); kind == "ReplicaSet" && m != nil {
		return "Deployment", m[1]
	}
	return kind, name
}

// OperatorFacts are those of a report of the operator that a source got at a time,
// alone or in the wrapping in which the operator tells of deleted ones. cluster keeps
// apart what several clusters call the same; "" when only one reports.
func OperatorFacts(source, cluster string, data []byte, received time.Time) ([]schema.Fact, error) {
	var wrapped struct {
		Verb   string          `json:"verb"`
		Object json.RawMessage `json:"operatorObject"`
	}
	if err := json.Unmarshal(data, &wrapped); err != nil {
		return nil, fmt.Errorf("reading the operator's report: %w", err)
	}
	if len(wrapped.Object) > 0 {
		data = wrapped.Object
	}
	r, err := operatorReport(data, received, wrapped.Verb == "delete")
	if err != nil {
		return nil, err
	}
	if cluster != "" {
		r.series = cluster + "|" + r.series
	}
	return r.facts(source), nil
}

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
	labels := c.Metadata.Labels
	kind, name := owner(labels)
	if name == "" {
		return nil, errors.New("metadata.labels do not say which resource the report is of")
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
	r.series = strings.Join([]string{Name, c.Kind, Resource(c.Metadata.Namespace, labels)}, "|")
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
