package metrics

// employeeNPS: DEFINITIONS, "Survey statistics".
func employeeNPS() Metric {
	return Metric{
		ID: "employee_nps", Version: 1, Title: "Employee NPS",
		Question:   "Would developers recommend working here?",
		Definition: "Share of answers 9–10 less share of answers 0–6 to the question how likely one is to recommend working here, times 100. The interval is the adjusted Wald interval.",
		HowToRead:  "From −100 to 100, higher is better. It is about much more than the platform: read it beside the platform's NPS, not as its result.",
		Caveats:    surveyCaveats(),
		Unit:       UnitNPS, Direction: Up, Dimensions: surveyDimensions(), SplitBy: []Dimension{Question, QuestionVersion}, Aggregation: NPS,
		Links: []Link{{"Confidence intervals for net promoter scores", "https://measuringu.com/nps-confidence-intervals/"}},
		rows:  promoterRows("enps"),
	}
}
