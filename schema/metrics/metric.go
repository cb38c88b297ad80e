package metrics

import (
	"fmt"
	"slices"
)

// Unit says what a value counts.
type Unit string

// Units of a Metric.
const (
	// UnitSeconds is a duration in seconds.
	UnitSeconds Unit = "seconds"
	// UnitRatio is a share from 0 to 1.
	UnitRatio Unit = "ratio"
	// UnitPerDay is a number of events per calendar day.
	UnitPerDay Unit = "per_day"
	// UnitPerHundred is a number of events per 100 workloads.
	UnitPerHundred Unit = "per_100"
	// UnitPeople is a number of people.
	UnitPeople Unit = "people"
	// UnitNPS is a net promoter score from -100 to 100.
	UnitNPS Unit = "nps"
	// UnitOfSeven is an answer from 1 to 7.
	UnitOfSeven Unit = "of_7"
	// UnitCount is a number of things.
	UnitCount Unit = "count"
	// UnitPerMonth is an amount of a currency, which is a dimension, per month of
	// 30.4375 days.
	UnitPerMonth Unit = "per_month"
)

// Direction says which way a value should move.
type Direction string

// Directions of a Metric.
const (
	Up      Direction = "up"
	Down    Direction = "down"
	Neutral Direction = "neutral"
)

// Dimension is a column of a metric's rows that points can be split and
// filtered by.
type Dimension string

// Dimensions. Every metric names those that its rows have.
const (
	Team    Dimension = "team"
	Service Dimension = "service"
	Repo    Dimension = "repo"
	Kind    Dimension = "kind"
	// Environment is the name of a production environment. A release may have
	// several: split by it, it counts in each of them, and without the split once.
	Environment Dimension = "environment"
	Severity    Dimension = "severity"
	Capability  Dimension = "capability"
	Channel     Dimension = "channel"
	Template    Dimension = "template"
	Category    Dimension = "category"
	Cluster     Dimension = "cluster"
	Cohort      Dimension = "cohort"
	Mandated    Dimension = "mandated"
	// SinceRelease is the age of a capability in days, of three digits: "007".
	SinceRelease    Dimension = "since_release"
	Theme           Dimension = "theme"
	Status          Dimension = "status"
	Policy          Dimension = "policy"
	Currency        Dimension = "currency"
	Survey          Dimension = "survey"
	Wave            Dimension = "wave"
	Question        Dimension = "question"
	QuestionVersion Dimension = "question_version"
)

// Labels that stand in a dimension for what has no name of its own.
const (
	// None is the label of rows without a team, service, capability, ….
	None = "(none)"
	// Hidden is the label of the answers of all teams below the survey
	// threshold, together (invariant 8).
	Hidden = "(hidden)"
	// All is the label, in a dimension that a row does not have, of a row that
	// stands beside every value of it.
	All = "(all)"
)

// Aggregation is the way a metric's rows become a value.
type Aggregation string

// Aggregations.
const (
	// Median: value is the median of the rows' values and p90 their 90th
	// percentile, both interpolated; rows of open intervals are censored.
	Median Aggregation = "median"
	// Ratio: value is sum(numerator)/sum(denominator) with its Wilson interval.
	Ratio Aggregation = "ratio"
	// Rate: value is rows per calendar day; days without a row count.
	Rate Aggregation = "rate"
	// DayShare: value is the share of calendar days with at least one row.
	DayShare Aggregation = "day_share"
	// PerHundred: value is 100·sum(numerator)/sum(denominator).
	PerHundred Aggregation = "per_hundred"
	// Share: value is sum(numerator)/sum(denominator) of quantities that are no
	// counts of independent cases, such as time, so that there is no interval; n
	// is the number of rows.
	Share Aggregation = "share"
	// Mean: value is sum(numerator)/sum(denominator), the mean of that many
	// numbers of the unit's range, with its Student interval. Rows have the sum of the
	// numbers' squares in a column squares.
	Mean Aggregation = "mean"
	// NPS: value is 100·(promoters − detractors)/answers with its adjusted Wald
	// interval; a row's numerator is 1, 0 or −1.
	NPS Aggregation = "nps"
	// Sum: value is sum(numerator); without any row there is no value.
	Sum Aggregation = "sum"
	// PerWeek: value is sum(numerator) per week that has a row; a row stands at the
	// beginning of its week.
	PerWeek Aggregation = "per_week"
	// PerMonth: value is sum(numerator) per month of 30.4375 days, over the days of
	// the bucket that lie within the metric's spans.
	PerMonth Aggregation = "per_month"
)

// Link is a source of a definition or of a warning.
type Link struct {
	Title string `json:"title"`
	URL   string `json:"url"`
}

// Metric is one entry of the catalogue.
type Metric struct {
	ID string `json:"id"`
	// Version grows when the same rows would give another number.
	Version int    `json:"version"`
	Title   string `json:"title"`
	// Question that the metric answers, as a leader would ask it.
	Question   string    `json:"question"`
	Definition string    `json:"definition"`
	HowToRead  string    `json:"how_to_read"`
	Caveats    []string  `json:"caveats"`
	Unit       Unit      `json:"unit"`
	Direction  Direction `json:"direction"`
	// Dimensions that points can be split and filtered by.
	Dimensions []Dimension `json:"dimensions"`
	// SplitBy are dimensions that points are always split by, because rows that
	// differ in them may not be put together (versions of a question).
	SplitBy     []Dimension `json:"split_by,omitempty"`
	Aggregation Aggregation `json:"aggregation"`
	// DORA marks the metrics that dora.dev defines, and their parts.
	DORA  bool   `json:"dora"`
	Links []Link `json:"links,omitempty"`

	// rows is the SQL of the contributing rows, with the placeholders of
	// window.expand. Its columns are at, the Dimensions, and rowColumns. Where a row
	// may have several environments it has a column environments too, an array that
	// is never empty, and placeEnvironment where environment comes from.
	rows string
	// beside are the dimensions of which some rows stand beside every value, with the
	// array of those values. Such rows have placeBeside in the dimension's place.
	beside map[Dimension]string
	// distinct is the expression of which one row per bucket and group counts
	// ("" counts every row); of several, the one with the highest numerator.
	distinct string
	// lateDays is for how many days after a bucket its value is provisional.
	lateDays int
	// spans is, for PerMonth, the expression of the first and the last local date
	// that rows can be of; it may name the dimensions of SplitBy.
	spans string
}

// rowColumns are the columns that all rows have besides at and their dimensions.
const rowColumns = "value, numerator, denominator, censored, subject, title, url, rule, evidence, excluded"

// Catalogue returns every metric, in the order in which they are shown.
func Catalogue() []Metric {
	return []Metric{
		leadTime(),
		leadTimeCoding(),
		leadTimePickup(),
		leadTimeReview(),
		leadTimeDeploy(),
		mergeToProduction(),
		deploymentFrequency(),
		deploymentDays(),
		changeFailureRate(),
		failedDeploymentRecoveryTime(),
		deploymentReworkRate(),
		incidentRestoreTime(),
		reliability(),
		teamsUsingCapabilities(),
		capabilityRetention(),
		capabilityChurn(),
		newCapabilityAdoption(),
		adoptionCurve(),
		capabilityStickiness(),
		templateAdoption(),
		portalUsage(),
		portalPeople(),
		selfServiceRatio(),
		requestWait(),
		selfServiceFallback(),
		timeSaved(),
		timeToProduction(),
		workloadsOnPlatform(),
		workloadsUnknown(),
		supportTicketVolume(),
		supportFirstResponseTime(),
		supportResolutionTime(),
		supportReopenRate(),
		featureRequestPatterns(),
		featureRequests(),
		featureRequestsUntagged(),
		developersPerPlatformEngineer(),
		onboarding(),
		onboardingTenth(),
		platformNPS(),
		developerSatisfaction(),
		portalSatisfaction(),
		easeOfUse(),
		employeeNPS(),
		infrastructureTime(),
		infrastructurePathShare(),
		surveyResponseRate(),
		securityFindingRate(),
		securityScanCoverage(),
		securityBacklog(),
		securityFindingAge(),
		securityTimeToFix(),
		complianceViolationRate(),
		policyErrorRate(),
		admissionDenials(),
		platformCost(),
	}
}

// ByID returns the metric of an id.
func ByID(id string) (Metric, bool) {
	all := Catalogue()
	i := slices.IndexFunc(all, func(m Metric) bool { return m.ID == id })
	if i < 0 {
		return Metric{}, false
	}
	return all[i], true
}

// Has reports whether points can be split and filtered by d.
func (m Metric) Has(d Dimension) bool { return slices.Contains(m.Dimensions, d) }

// Among is the condition that a row has one of a list of values in a dimension, or
// stands beside all of them. The list is SQL, as in Slice.
func (m Metric) Among(d Dimension, values string) string {
	if _, ok := m.beside[d]; ok {
		return fmt.Sprintf("%[1]s IN (%[2]s, '%[3]s')", d, values, All)
	}
	return fmt.Sprintf("%s IN (%s)", d, values)
}
