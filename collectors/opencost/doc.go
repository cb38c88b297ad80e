// Package opencost asks OpenCost what the workloads of clusters cost each day, by its
// allocation API (opencost.io/docs/integrations/api). An event is one allocation of
// one day; the amounts are told by category and add up to OpenCost's total.
//
// The traps, each with a test of its name:
//   - a day that has not ended costs more tomorrow: only whole days of UTC are asked
//     for (TestOnlyDaysThatHaveEndedAreAskedFor);
//   - OpenCost computes a day anew from what it knows then: the last days are asked for
//     again, and what changed corrects the earlier amounts
//     (TestRecomputedDayCorrectsTheEarlierAmounts);
//   - what is in an answer no more is withdrawn, but an answer without anything means
//     that Prometheus lost the day, and withdraws nothing
//     (TestAnswerWithoutAnythingWithdrawsNothing);
//   - every OpenCost calls its cluster cluster-one until somebody names it: the
//     configured name counts (TestConfiguredNameOfTheClusterCounts);
//   - what nobody used is __idle__, what has no label __unallocated__, a volume without
//     a pod __unmounted__: none of them is a service (TestNobodysCostHasNoService);
//   - amounts that OpenCost could not compute are null, which is not 0
//     (TestNullIsNotNothing);
//   - an error may be answered with status 200 (TestErrorMayComeWithStatus200).
package opencost
