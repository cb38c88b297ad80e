package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/test/e2e/oracle"
)

// answer is what "headway metrics get -o json" prints.
type answer struct {
	Metric string `json:"metric"`
	Points []struct {
		From        time.Time         `json:"from"`
		To          time.Time         `json:"to"`
		Dims        map[string]string `json:"dims"`
		Value       *float64          `json:"value"`
		P90         *float64          `json:"p90"`
		N           int               `json:"n"`
		Numerator   *float64          `json:"numerator"`
		Denominator *float64          `json:"denominator"`
		Censored    int               `json:"censored"`
	} `json:"points"`
}

// tolerance of values, which are computed in another order of operations.
const tolerance = 1e-6

// maxDifferences is how many differences of one question are told.
const maxDifferences = 4

// ask puts a question to a running Headway.
func (in *installation) ask(q oracle.Question) ([]oracle.Point, error) {
	args := []string{
		"metrics", "get", q.Metric, "-o", "json", "--every", q.Every,
		"--from", q.From.Format(time.DateOnly), "--to", q.To.Format(time.DateOnly),
	}
	if len(q.By) > 0 {
		args = append(args, "--by", strings.Join(q.By, ","))
	}
	text, err := in.tryHeadway(args...)
	if err != nil {
		return nil, err
	}
	var a answer
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	out := make([]oracle.Point, 0, len(a.Points))
	for _, p := range a.Points {
		out = append(out, oracle.Point{
			From: p.From, To: p.To, Dims: p.Dims, Value: p.Value, P90: p.P90, N: p.N,
			Numerator: p.Numerator, Denominator: p.Denominator, Censored: p.Censored,
		})
	}
	return out, nil
}

// questions are all that are compared: every metric in total, per week, per
// month and per quarter, for everybody and by each of its dimensions.
func questions(o *oracle.Oracle, from, to time.Time) []oracle.Question {
	var out []oracle.Question
	for _, id := range o.Metrics() {
		for _, every := range []string{"total", "week", "month", "quarter"} {
			out = append(out, oracle.Question{Metric: id, Every: every, From: from, To: to})
			for _, d := range o.Dimensions(id) {
				out = append(out, oracle.Question{Metric: id, By: []string{d}, Every: every, From: from, To: to})
			}
		}
	}
	return out
}

// compare reports where two answers to a question differ, and returns how many
// points it compared.
func compare(t *testing.T, q oracle.Question, got, want []oracle.Point) int {
	t.Helper()
	var differences []string
	note := func(format string, args ...any) { differences = append(differences, fmt.Sprintf(format, args...)) }
	have := map[string]oracle.Point{}
	for _, p := range got {
		have[p.Key()] = p
	}
	for _, w := range want {
		g, ok := have[w.Key()]
		delete(have, w.Key())
		switch {
		case !ok:
			note("%s is missing, want %s", w.Key(), show(w))
		case !g.To.Equal(w.To):
			note("%s ends at %s, want %s", w.Key(), g.To, w.To)
		case g.N != w.N || g.Censored != w.Censored || !same(g.Numerator, w.Numerator) || !same(g.Denominator, w.Denominator) ||
			!same(g.Value, w.Value) || !same(g.P90, w.P90):
			note("%s is %s, want %s", w.Key(), show(g), show(w))
		}
	}
	for key, p := range have {
		note("%s is there with %s and should not", key, show(p))
	}
	slices.Sort(differences)
	if n := len(differences); n > 0 {
		t.Errorf("%s by %v every %s: %d of %d points differ:\n  %s", q.Metric, q.By, q.Every, n, len(want),
			strings.Join(differences[:min(n, maxDifferences)], "\n  "))
	}
	return len(want)
}

func same(a, b *float64) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return math.Abs(*a-*b) <= tolerance*max(1, math.Abs(*b))
}

func show(p oracle.Point) string {
	number := func(x *float64) string {
		if x == nil {
			return "null"
		}
		return fmt.Sprint(*x)
	}
	return fmt.Sprintf("value %s p90 %s n %d (%s/%s) censored %d",
		number(p.Value), number(p.P90), p.N, number(p.Numerator), number(p.Denominator), p.Censored)
}
