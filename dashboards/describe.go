package dashboards

import (
	"fmt"
	"strings"

	"github.com/headway-metrics/headway/schema/metrics"
)

// describe is a panel's description: the question, the definition and its
// version, how to read it, and what n is, in Markdown.
func describe(m figure, notes ...string) string {
	parts := []string{
		m.Question,
		fmt.Sprintf("**Definition** (`%s`, version %d). %s", m.ID, m.Version, m.Definition),
		"**How to read it.** " + m.HowToRead,
		fmt.Sprintf("**n** counts %s. A value without rows is missing, not zero.", counted(m)),
	}
	if interval := intervalNote(m); interval != "" {
		parts = append(parts, interval)
	}
	parts = append(parts, notes...)
	if len(m.Caveats) > 0 {
		parts = append(parts, "**Coverage and caveats**", "- "+strings.Join(m.Caveats, "\n- "))
	}
	return strings.Join(parts, "\n\n")
}

func intervalNote(m figure) string {
	switch m.Aggregation {
	case metrics.Ratio:
		return "The shaded band is the 95 % interval (Wilson): the fewer rows, the wider."
	case metrics.Mean:
		return "The shaded band is the 95 % interval (Student): the fewer answers, the wider."
	case metrics.NPS:
		return "The shaded band is the 95 % interval (adjusted Wald): the fewer answers, the wider."
	case metrics.Median:
		return "Medians are computed from the rows at the level shown, never from other medians."
	default:
		return ""
	}
}

// explainNote says how to see the rows behind a number.
func explainNote(m figure) string {
	return fmt.Sprintf("`headway explain %s` lists the rows, rules and evidence.", m.ID)
}
