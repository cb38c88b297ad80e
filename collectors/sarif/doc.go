// Package sarif reads SARIF 2.1.0, the format in which scanners of code write what
// they found (docs.oasis-open.org/sarif/sarif/v2.1.0). A file is a complete report:
// what the next file of the same tool, category and branch does not show is fixed.
//
// The traps, each with a test of its name:
//   - partialFingerprints name a result across files, rules do not; results without
//     them are named by rule and place (TestPartialFingerprintsNameAResult);
//   - the level of a result is its rule's when it has none, and a warning when the rule
//     has none either; security-severity says more than the level
//     (TestTheLevelIsThatOfTheRule);
//   - a suppressed result was dismissed; one whose baselineState is absent is gone;
//     results of a kind other than fail are none
//     (TestSuppressedAbsentAndPassingResults);
//   - a run that did not succeed ends nothing (TestARunThatDidNotSucceedEndsNothing);
//   - a scan of a pull request is not one of what runs (TestAPullRequestIsNotWhatRuns);
//   - scanners for secrets write the secret into the snippet: it is taken out before
//     anything is kept (TestTheSecretInASnippetIsNotKept).
package sarif

import (
	"fmt"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/generic"
	"github.com/headway-metrics/headway/schema"
)

// Name of the source.
const Name = "sarif"

const reportType = Name + ".report"

// Config is sources.sarif.
type Config struct {
	generic.Auth `yaml:",inline"`
}

// Entry is the source's line in the registry.
func Entry() collectors.Entry {
	return collectors.Entry{
		Name: Name, Title: "SARIF", Group: collectors.GroupSecurity, AlwaysOn: true,
		Facts:     []string{"finding_starts", "findings", "scans"},
		Signature: generic.SignatureInWords,
		Config:    func() any { return &Config{} },
		New: func(cfg any, deps collectors.Deps) (collectors.Source, error) {
			v, err := cfg.(*Config).Verifier(Name, deps.APIToken)
			if err != nil {
				return nil, err
			}
			// Snippets and the contents of files are the code itself.
			return &Source{generic.Upload{Verifier: v, Type: reportType, Secrets: []string{"snippet", "contextRegion", "contents"}}}, nil
		},
	}
}

// Source takes SARIF files at /hooks/sarif.
type Source struct{ generic.Upload }

// Name implements collectors.Source.
func (*Source) Name() string { return Name }

// Normalize implements collectors.Source.
func (*Source) Normalize(ev schema.Event) ([]schema.Fact, error) {
	if ev.Type != reportType {
		return nil, fmt.Errorf("unknown event type %s", ev.Type)
	}
	return normalize(ev)
}
