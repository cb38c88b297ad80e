package metrics

// easeOfUse: the customer effort score of DEFINITIONS, "Survey statistics". The
// rows are the groups that may be shown, with the sum of their answers, never an
// answer.
func easeOfUse() Metric {
	return Metric{
		ID: "ease_of_use", Version: 1, Title: "Ease of use",
		Question:   "How easy does the platform make it to get things done?",
		Definition: "Mean answer, from 1 (not easy at all) to 7 (very easy), to how easy it is to get done what one needs. It is also known as the customer effort score.",
		HowToRead:  "Higher is better. Read the interval, and compare waves of the same version of the question.",
		Caveats:    surveyCaveats(),
		Unit:       UnitOfSeven, Direction: Up, Dimensions: surveyDimensions(), SplitBy: []Dimension{Question, QuestionVersion}, Aggregation: Mean,
		rows: meanRows("ces"),
	}
}
