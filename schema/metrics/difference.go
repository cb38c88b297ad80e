package metrics

import "fmt"

// DifferenceSQL is the 95 % interval of how much a value is above an earlier one,
// from the intervals of both: the square root of the sum of squares of the distances
// to their ends (Newcombe 1998, method 10, for proportions; Zou and Donner 2008 for
// any). now and before are tables with the columns value, low and high. A change is
// called a change only when the interval does not hold 0 (DEFINITIONS, "Survey
// statistics").
func DifferenceSQL(now, before string) (low, high string) {
	end := func(sign, down, up string) string {
		return fmt.Sprintf("%[1]s.value - %[2]s.value %[3]s sqrt(pow(%[1]s.value - %[1]s.%[4]s, 2) + pow(%[2]s.%[5]s - %[2]s.value, 2))", now, before, sign, down, up)
	}
	return end("-", "low", "high"), end("+", "high", "low")
}
