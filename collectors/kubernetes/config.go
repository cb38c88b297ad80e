package kubernetes

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/inventory"
	"github.com/headway-metrics/headway/collectors/kubeapi"
)

// Name of the source.
const Name = "kubernetes"

const defaultInterval = 6 * time.Hour

// What may be left out.
const (
	readPolicies = "policies"
	readTrivy    = "trivy"
)

// Config is the part of the configuration under sources.kubernetes.
type Config struct {
	Clusters         []Cluster `yaml:"clusters" json:"clusters" jsonschema:"required,description=The clusters to ask"`
	inventory.Config `yaml:",inline"`
	Reports          []string      `yaml:"reports" json:"reports,omitempty" jsonschema:"description=Reports to read where they are installed: policies (PolicyReport) and trivy (Trivy operator); default both"`
	Interval         time.Duration `yaml:"interval" json:"interval,omitempty" jsonschema:"type=string,description=Time between two polls; the inventory is taken at the first one of a day of UTC,default=6h"`
}

// Cluster is one to ask.
type Cluster struct {
	kubeapi.Cluster `yaml:",inline"`
	Environment     string `yaml:"environment" json:"environment,omitempty" jsonschema:"description=Environment of what runs there: production"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name:  Name,
		Title: "Kubernetes",
		Group: collectors.GroupWorkloads,
		Facts: []string{"finding_starts", "findings", "policy_results", "scans", "workloads"},
		Polls: "Deployments, StatefulSets, DaemonSets and CronJobs once a day, reports of policies and of the Trivy operator that changed",

		Config: func() any {
			return &Config{
				Config: inventory.Config{
					Service:       []string{"label:backstage.io/kubernetes-id", "annotation:backstage.io/kubernetes-id", "label:app.kubernetes.io/name", "label:app"},
					Team:          []string{"label:team", "label:owner"},
					PlatformOwned: []string{"namespace=kube-*"},
				},
				Reports: []string{readPolicies, readTrivy}, Interval: defaultInterval,
			}
		},
		New: collectors.Made(Name, New),
	}
}

// Validate returns every problem with the key that has it and the fix.
func (c Config) Validate() error {
	_, err := c.compile()
	return err
}

func (c Config) compile() (inventory.Rules, error) {
	rules, err := c.Compile()
	var clusters []kubeapi.Cluster
	for _, k := range c.Clusters {
		clusters = append(clusters, k.Cluster)
	}
	errs := []error{kubeapi.Check(clusters), err}
	for i, k := range c.Clusters {
		if k.Environment == "" && len(c.Environment) == 0 {
			errs = append(errs, fmt.Errorf("clusters[%d].environment is missing: write production, or say in environment which label or namespace names it", i))
		}
	}
	for i, r := range c.Reports {
		if r != readPolicies && r != readTrivy {
			errs = append(errs, fmt.Errorf("reports[%d] is %q: write %s or %s", i, r, readPolicies, readTrivy))
		}
	}
	if c.Interval < time.Minute {
		errs = append(errs, fmt.Errorf("interval is %s: give at least 1m, such as 6h", c.Interval))
	}
	return rules, errors.Join(errs...)
}

// kind of object that is listed.
type kind struct {
	kubeapi.Resource
	// what its objects become: "" for workloads.
	what string
	// name is that of a single object.
	name string
}

// kinds are all that may be listed: the rules of deploy/kubernetes/clusterrole.yaml.
func kinds() []kind {
	const (
		wg   = "wgpolicyk8s.io"
		open = "openreports.io"
		aqua = "aquasecurity.github.io"
	)
	return []kind{
		{kubeapi.Resource{Group: "apps", Version: "v1", Plural: "deployments"}, "", "Deployment"},
		{kubeapi.Resource{Group: "apps", Version: "v1", Plural: "statefulsets"}, "", "StatefulSet"},
		{kubeapi.Resource{Group: "apps", Version: "v1", Plural: "daemonsets"}, "", "DaemonSet"},
		{kubeapi.Resource{Group: "batch", Version: "v1", Plural: "cronjobs"}, "", "CronJob"},
		{kubeapi.Resource{Group: wg, Version: "v1alpha2", Plural: "policyreports"}, readPolicies, "PolicyReport"},
		{kubeapi.Resource{Group: wg, Version: "v1alpha2", Plural: "clusterpolicyreports"}, readPolicies, "ClusterPolicyReport"},
		{kubeapi.Resource{Group: open, Version: "v1alpha1", Plural: "reports"}, readPolicies, "Report"},
		{kubeapi.Resource{Group: open, Version: "v1alpha1", Plural: "clusterreports"}, readPolicies, "ClusterReport"},
		{kubeapi.Resource{Group: aqua, Version: "v1alpha1", Plural: "vulnerabilityreports"}, readTrivy, "VulnerabilityReport"},
		{kubeapi.Resource{Group: aqua, Version: "v1alpha1", Plural: "configauditreports"}, readTrivy, "ConfigAuditReport"},
		{kubeapi.Resource{Group: aqua, Version: "v1alpha1", Plural: "exposedsecretreports"}, readTrivy, "ExposedSecretReport"},
	}
}

// reads reports whether a kind is asked for.
func (c Config) reads(k kind) bool { return k.what == "" || slices.Contains(c.Reports, k.what) }

// Source asks API servers.
type Source struct {
	cfg   Config
	rules inventory.Rules
	http  *http.Client
	now   func() time.Time
}

// New checks the configuration.
func New(cfg Config, deps collectors.Deps) (*Source, error) {
	rules, err := cfg.compile()
	if err != nil {
		return nil, err
	}
	return &Source{cfg: cfg, rules: rules, http: deps.HTTP, now: time.Now}, nil
}

// Name is "kubernetes".
func (*Source) Name() string { return Name }
