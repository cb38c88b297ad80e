// Package servicenow reads incidents, requests and other tasks of ServiceNow: the
// Table API, and what a business rule sends. Rules in the configuration say which are
// bugs, incidents, support, feature requests or requests to the platform.
//
// The traps, each with a test of its name:
//   - times are UTC and say no zone; display values are in the zone and the language of
//     the asking user, so times are never read from them
//     (TestTimesAreUTCWithoutSayingSo);
//   - the same number of a state means another thing in another table; what is over is
//     no longer active, but a resolved incident still is
//     (TestResolvedIncidentIsStillActive, TestStateNumberDependsOnTheTable);
//   - a reopened incident keeps the time at which it was resolved
//     (TestReopenedIncidentKeepsWhenItWasResolved);
//   - changes within one second carry the same time; the count of changes orders them
//     (TestChangesOfOneSecondAreCounted);
//   - rows that change while a list is read move to its end, so lists go on after the
//     last row and not at an offset, also among rows of one second
//     (TestRowsThatChangeWhileAListIsRead);
//   - rows that the user may not see are missing from a page: a short page is not the
//     last one (TestShortPageIsNotTheLast);
//   - an "incident" of ServiceNow is anything that disturbs somebody: without a rule
//     only priorities 1 and 2 are incidents, the others are support
//     (TestIncidentWithoutARule).
//
// Descriptions, comments and work notes are not asked for, nor is who asked or served.
package servicenow
