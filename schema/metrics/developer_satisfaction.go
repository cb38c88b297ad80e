package metrics

// developerSatisfaction: DEFINITIONS, "Survey statistics".
func developerSatisfaction() Metric {
	return Metric{
		ID: "developer_satisfaction", Version: 2, Title: "Developer satisfaction",
		Question:   "How many developers are satisfied with the platform?",
		Definition: "Answers 4 and 5 of 5, divided by all valid answers, with its Wilson interval. The question about the portal is a metric of its own.",
		HowToRead:  "Higher is better. Compare waves of the same version of the question.",
		Caveats:    surveyCaveats(),
		Unit:       UnitRatio, Direction: Up, Dimensions: surveyDimensions(), SplitBy: []Dimension{Question, QuestionVersion}, Aggregation: Ratio,
		rows: satisfactionRows("question_id != '" + portalQuestion + "'"),
	}
}
