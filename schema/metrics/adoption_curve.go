package metrics

import "fmt"

// curveAges are the days after a release at which adoption is read: every week,
// and the last day that new_capability_adoption looks at.
const curveAges = "arrayPushBack(range(7, 85, 7), 90)"

// adoptionCurve is new_capability_adoption by age: DEFINITIONS, "Platform metrics".
func adoptionCurve() Metric {
	m := newCapabilityAdoption()
	m.ID, m.Title = "adoption_curve", "Adoption by days since release"
	m.Question = "How fast do teams take up what the platform releases?"
	m.Definition = fmt.Sprintf("Teams that had used a capability by so many days after its release, divided by the teams that were active at the "+
		"release. One value for every week after the release, to day %d.", adoptionDays)
	m.HowToRead = "A steep start means that teams were waiting for it; a late rise follows help or pressure. Read mandated capabilities apart."
	m.Caveats = []string{
		"A capability counts at an age only once it is that old, so that the last points rest on fewer capabilities.",
		"The time of a point is that of the release.",
	}
	m.Dimensions = append(m.Dimensions, SinceRelease)
	m.SplitBy = []Dimension{SinceRelease}
	m.lateDays = 0 // An age that is not reached does not count.
	m.rows = fmt.Sprintf(`
SELECT * REPLACE (
    toUInt8(ifNull(value <= age * 86400, 0)) AS numerator, if(numerator, 'adopted', 'not adopted') AS rule,
    if(addDays(at, age) > {{now}}, 'not so old yet', '') AS excluded),
  leftPad(toString(age), 3, '0') AS since_release
FROM (%s) ARRAY JOIN %s AS age`, m.rows, curveAges)
	return m
}
