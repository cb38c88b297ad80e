// Package trivy reads what Trivy writes: the JSON report of its command
// (aquasecurity.github.io/trivy, "JSON report", SchemaVersion 2) and the reports of
// its operator for Kubernetes (aquasecurity.github.io/v1alpha1), which the operator
// posts. A report is complete: what the next one of the same target does not show
// is fixed.
//
// The traps, each with a test of its name:
//   - an image has another tag in every report: the target is the image without it
//     (TestTheTargetIsTheImageWithoutItsTag);
//   - a report of the operator names a ReplicaSet, whose name ends in a hash
//     (TestAReplicaSetIsItsDeployment);
//   - one weakness stands in a report once for each layer or file
//     (TestAWeaknessStandsOnceAndPassesNot);
//   - checks that pass are in the report too (TestAWeaknessStandsOnceAndPassesNot);
//   - the operator wraps its reports when it also tells of deleted ones
//     (TestADeletedWorkloadHasNoFindings);
//   - matches of secrets, although Trivy masks them, are taken out before anything is
//     kept (TestTheMatchOfASecretIsNotKept).
package trivy

import (
	"encoding/json"
	"fmt"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/generic"
	"github.com/headway-metrics/headway/schema"
)

// Name of the source.
const Name = "trivy"

const reportType = Name + ".report"

// Config is sources.trivy.
type Config struct {
	generic.Auth `yaml:",inline"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name: Name, Title: "Trivy", Group: collectors.GroupSecurity, AlwaysOn: true,
		Facts:     []string{"finding_starts", "findings", "scans"},
		Signature: generic.SignatureInWords,
		Config:    func() any { return &Config{} },
		New: func(cfg any, deps collectors.Deps) (collectors.Source, error) {
			v, err := cfg.(*Config).Verifier(Name, deps.APIToken)
			if err != nil {
				return nil, err
			}
			return &Source{generic.Upload{Verifier: v, Type: reportType, Secrets: SecretMembers()}}, nil
		},
	}
}

// Source takes reports at /hooks/trivy.
type Source struct{ generic.Upload }

// Name implements collectors.Source.
func (*Source) Name() string { return Name }

// Normalize implements collectors.Source.
func (*Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	if ev.Type != reportType {
		return nil, fmt.Errorf("unknown event type %s", ev.Type)
	}
	origin, err := generic.ReadOrigin(ev.Subject)
	if err != nil {
		return nil, err
	}
	var which struct {
		SchemaVersion int             `json:"SchemaVersion"`
		Kind          string          `json:"kind"`
		Wrapped       json.RawMessage `json:"operatorObject"`
	}
	if err := json.Unmarshal(ev.Data, &which); err != nil {
		return nil, fmt.Errorf("reading the report: %w", err)
	}
	switch {
	case which.SchemaVersion == 2:
		r, err := fileReport(ev.Data, origin, ev.Time)
		if err != nil {
			return nil, err
		}
		return r.facts(Name), nil
	case which.Kind != "" || len(which.Wrapped) > 0:
		return OperatorFacts(Name, "", ev.Data, ev.Time)
	}
	return nil, fmt.Errorf("neither a report of SchemaVersion 2 (it has %d) nor one of the operator", which.SchemaVersion)
}
