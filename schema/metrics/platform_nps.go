package metrics

// platformNPS: DEFINITIONS, "Survey statistics".
func platformNPS() Metric {
	return Metric{
		ID: "platform_nps", Version: 1, Title: "Platform NPS",
		Question:   "Would developers recommend the platform?",
		Definition: "Share of answers 9–10 less share of answers 0–6 to the question how likely one is to recommend the platform, times 100. The interval is the adjusted Wald interval.",
		HowToRead:  "From −100 to 100, higher is better. Call a change a change only when the intervals leave no doubt.",
		Caveats:    surveyCaveats(),
		Unit:       UnitNPS, Direction: Up, Dimensions: surveyDimensions(), SplitBy: []Dimension{Question, QuestionVersion}, Aggregation: NPS,
		Links: []Link{{"Confidence intervals for net promoter scores", "https://measuringu.com/nps-confidence-intervals/"}},
		rows:  promoterRows("nps"),
	}
}

// promoterRows are the answers to questions of a kind from 0 to 10.
func promoterRows(kind string) string {
	return scoreRows("kind = '"+kind+"'", []band{
		{"promoters (9–10)", "score >= 9", 1},
		{"passives (7–8)", "score > 6 AND score < 9", 0},
		{"detractors (0–6)", "score <= 6", -1},
	})
}
