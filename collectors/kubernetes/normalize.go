package kubernetes

import (
	"errors"
	"fmt"

	"github.com/headway-metrics/headway/collectors/inventory"
	"github.com/headway-metrics/headway/collectors/policyreport"
	"github.com/headway-metrics/headway/collectors/trivy"
	"github.com/headway-metrics/headway/schema"
)

// Types of event beside the snapshot's. The subject is the cluster.
const (
	// typePolicies holds a report of policies.
	typePolicies = Name + ".rest.policyreport"
	// typeTrivy holds a report of the Trivy operator, or that one is gone in the words
	// of the operator's own webhook.
	typeTrivy = Name + ".rest.trivy"
)

// Normalize turns an inventory into workloads, and a report into what it says.
func (s *Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	switch ev.Type {
	case inventory.EventType(Name):
		return s.rules.Facts(Name, ev)
	case typePolicies, typeTrivy:
	default:
		return nil, fmt.Errorf("unknown type %q", ev.Type)
	}
	if ev.Subject == "" {
		return nil, errors.New("a report of no cluster")
	}
	if ev.Type == typePolicies {
		return policyreport.Facts(Name, ev.Subject, ev.Data, ev.Time)
	}
	return trivy.OperatorFacts(Name, ev.Subject, ev.Data, ev.Time)
}
