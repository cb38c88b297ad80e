package metrics

// portalQuestion is the id of the question about the portal, which is no answer
// about the platform.
const portalQuestion = "portal"

// portalSatisfaction: DEFINITIONS, success measures, by the rules of "Survey
// statistics".
func portalSatisfaction() Metric {
	return Metric{
		ID: "portal_satisfaction", Version: 1, Title: "Portal satisfaction",
		Question:   "How many developers are satisfied with the portal?",
		Definition: "Answers 4 and 5 of 5 to the question of the id " + portalQuestion + ", divided by all valid answers to it, with its Wilson interval.",
		HowToRead:  "Higher is better. Read it with the people in the portal: who never comes may not answer, or may be why.",
		Caveats:    surveyCaveats(),
		Unit:       UnitRatio, Direction: Up, Dimensions: surveyDimensions(), SplitBy: []Dimension{Question, QuestionVersion}, Aggregation: Ratio,
		rows: satisfactionRows("question_id = '" + portalQuestion + "'"),
	}
}

// satisfactionRows are the answers to questions of five steps.
func satisfactionRows(which string) string {
	return scoreRows("kind = 'csat' AND "+which, []band{{"satisfied (4–5)", "score >= 4", 1}, {"not satisfied (1–3)", "score < 4", 0}})
}
