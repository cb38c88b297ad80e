package metrics

// infrastructureTime: DEFINITIONS, "Platform metrics". The rows are the groups
// that may be shown, with the sum of their answers, never an answer.
func infrastructureTime() Metric {
	return Metric{
		ID: "infrastructure_time", Version: 1, Title: "Time spent on infrastructure",
		Question:   "How much of their time do developers spend on infrastructure?",
		Definition: "Mean of what respondents said was the share of their working time of the last week that went into infrastructure.",
		HowToRead:  "Lower is better. It is an estimate of people about themselves: read the interval, and compare waves of the same version of the question.",
		Caveats:    surveyCaveats(),
		Unit:       UnitRatio, Direction: Down, Dimensions: surveyDimensions(), SplitBy: []Dimension{Question, QuestionVersion}, Aggregation: Mean,
		rows: meanRows("share"),
	}
}
