// Package copilot asks GitHub which teams use Copilot, by the reports of its usage
// metrics API (docs.github.com/rest/copilot/copilot-usage-metrics): the adoption of a
// capability like any other. GitHub has no report by team; its documents say to join
// the report of teams with that of users. The join happens in memory, and nothing
// about a person may leave this package: an event says how many people of a team were
// active on a day, and only of five or more. No content of what they did may enter.
//
// The traps, each with a test of its name:
//   - the metrics of /orgs/{org}/copilot/metrics were closed in April 2026: reports
//     replace them, a file for each day (TestReportsReplaceTheClosedMetrics);
//   - the reports hold people by name: none of it may be kept, nor be in an error
//     (TestNothingAboutAPersonIsKept);
//   - a figure of fewer than five active people is no group's: it is left out
//     (TestFewerThanFiveAreNoGroup);
//   - the files lie on another host under addresses that are secrets: the token is not
//     sent there, and the address is in no error
//     (TestTokenAndAddressOfTheFilesStaySecret);
//   - a report comes a day or more late, as 204 until then: the last days are asked for
//     again (TestLateReportIsReadWhenItComes);
//   - somebody in two teams counts in both, and twice in one team once
//     (TestMemberOfTwoTeamsCountsInBothAndOnceInEach).
package copilot
