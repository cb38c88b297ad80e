package dashboards

import (
	"fmt"

	"github.com/headway-metrics/headway/schema/metrics"
)

// adoption says who uses the platform and what runs on it.
func adoption() (*board, error) {
	m, err := need(teamServiceAndCapability, "teams_using_capabilities", "capability_retention", "new_capability_adoption", "workloads_on_platform", "workloads_unknown", "time_to_production",
		"capability_churn", "adoption_curve", "capability_stickiness", "template_adoption", "portal_usage", "portal_people", "developers_per_platform_engineer", "platform_cost")
	if err != nil {
		return nil, err
	}
	using, retention, fresh := m["teams_using_capabilities"], m["capability_retention"], m["new_capability_adoption"]
	workloads, live := m["workloads_on_platform"], m["time_to_production"]
	b := newBoard(UIDAdoption, "Adoption", "Who uses the platform, and what runs on it?",
		"Use is something a team does with a capability; looking at a page is none. Teams that do not use a capability may be right not to.",
		teamVariable(), serviceVariable(), capabilityVariable())
	b.builder.Time("now-180d", "now")
	b.row("At the end of the time range")
	place(b, 6, 4, total(using, ""))
	place(b, 6, 4, total(workloads, ""))
	place(b, 6, 4, total(fresh, ""))
	place(b, 6, 4, total(live, "").Title("Time to production"))
	place(b, 6, 4, total(m["capability_churn"], ""))
	place(b, 6, 4, total(m["capability_stickiness"], "").Title("Stickiness after 90 days"))
	place(b, 6, 4, total(m["template_adoption"], ""))
	place(b, 6, 4, total(m["developers_per_platform_engineer"], "").Decimals(1))
	b.row("Use of capabilities")
	place(b, 12, 8, trend(using, metrics.Week))
	place(b, 12, 8, byLabel("series", lines("Teams using each capability by week", describe(using, "One line per capability. "+explainNote(using)), splitSQL(using, metrics.Week, metrics.Capability, "value"))).
		Unit("percentunit").Max(1))
	place(b, 12, 8, byLabel("series", lines("Retention of each capability by week", describe(retention, "One line per capability. "+explainNote(retention)), splitSQL(retention, metrics.Week, metrics.Capability, "value"))).
		Unit("percentunit").Max(1))
	place(b, 12, 8, rows("Capabilities", describe(using, "At the end of the time range. *Retained* are teams that used it in the 28 days before that and still do."), capabilitiesSQL(using, retention)).
		OverrideByName("Teams using it", unitOf("percentunit")).OverrideByName("Retained", unitOf("percentunit")))
	place(b, 12, 8, wholeWeeks(m["portal_usage"]))
	place(b, 12, 8, trend(m["portal_people"], metrics.Week))
	b.row("New capabilities and new services")
	place(b, 12, 8, columns("Adoption since release", describe(m["adoption_curve"], "Narrow the choice to one capability to see its own curve. "+explainNote(m["adoption_curve"])),
		adoptionCurveSQL(m["adoption_curve"]), "age").Unit("percentunit").Max(1).AxisLabel("eligible teams").
		OverrideByName("n (teams)", append(tooltipOnly(), property("unit", "short"))))
	place(b, 12, 8, rows("New capabilities", describe(m["capability_stickiness"], "Capabilities with a known release by name: *mandated* ones apart, since nobody chose them."), newCapabilitiesSQL(fresh, m["capability_stickiness"])).
		OverrideByName("Adopted", unitOf("percentunit")).OverrideByName("Used after 90 days", unitOf("percentunit")))
	place(b, 24, 8, columns("Time to production by month of creation", describe(live, "*Not live* services are counted beside the median: a month with many of them will still change."), cohortSQL(live), "cohort").
		Unit("s").OverrideByName("n (live)", append(tooltipOnly(), property("unit", "short"))).
		OverrideByName("Not live", append(tooltipOnly(), property("unit", "short"))))
	b.row("What runs on the platform")
	place(b, 12, 8, trend(workloads, metrics.Week))
	place(b, 12, 8, trend(m["workloads_unknown"], metrics.Week))
	b.costRow(m["platform_cost"])
	return b, nil
}

func capabilitiesSQL(using, retention figure) string {
	return fmt.Sprintf(`SELECT u.capability AS "Capability", u.value AS "Teams using it", u.numerator AS "Teams", u.denominator AS "n (active teams)",
  r.value AS "Retained", r.denominator AS "n (teams before)"
FROM (
%s
) AS u
LEFT JOIN (
%s
) AS r ON r.capability = u.capability
ORDER BY u.capability
LIMIT 200`, using.PointsSQL(slice(using, metrics.Total, metrics.Capability)), retention.PointsSQL(slice(retention, metrics.Total, metrics.Capability)))
}

func adoptionCurveSQL(m figure) string {
	return fmt.Sprintf("SELECT concat('day ', toString(toUInt32(since_release))) AS age, value AS \"Adopted\", denominator AS \"n (teams)\"\nFROM (\n%s\n)\nORDER BY since_release",
		m.PointsSQL(slice(m, metrics.Total)))
}

func newCapabilitiesSQL(fresh, sticky figure) string {
	return fmt.Sprintf(`SELECT a.capability AS "Capability", a.mandated AS "Kind", a.value AS "Adopted", a.denominator AS "n (eligible)",
  k.value AS "Used after 90 days", k.denominator AS "n (tried it)"
FROM (
%s
) AS a
LEFT JOIN (
%s
) AS k ON k.capability = a.capability
ORDER BY a.capability
LIMIT 200`, fresh.PointsSQL(slice(fresh, metrics.Total, metrics.Capability, metrics.Mandated)), sticky.PointsSQL(slice(sticky, metrics.Total, metrics.Capability)))
}

func cohortSQL(m figure) string {
	return fmt.Sprintf("SELECT cohort, value AS \"Median\", n AS \"n (live)\", censored AS \"Not live\"\nFROM (\n%s\n)\nORDER BY cohort\nLIMIT 60",
		m.PointsSQL(slice(m, metrics.Total, metrics.Cohort)))
}
