// Package jira reads tickets of Jira Cloud and Data Center: webhooks of issues,
// and searches with their changelog. Rules in the configuration say which issues
// are bugs, incidents, support, feature requests or requests to the platform; a
// platform request with a capability is a manual schema.Request too, and an
// incident also an incident's updates.
//
// The traps, each with a test of its name:
//   - Cloud has another search than Data Center: /rest/api/3/search/jql with a
//     nextPageToken; its old one answers 410 (TestPollContract, TestOldSearchIsGone);
//   - dates in JQL are read in the time zone of the token's user
//     (TestTimesInJQLAreInTheUsersZone);
//   - a list ordered by the time of update skips issues that change while it is read;
//     it is ordered by creation instead (TestTimesInJQLAreInTheUsersZone);
//   - an issue that moves to another project changes its key; its id stays
//     (TestMovedIssueKeepsItsID);
//   - a status named "Done" may have no resolution date; the status category decides
//     (TestDoneWithoutResolutionDate);
//   - a webhook carries no history: what a search found (first response, reopened) wins
//     over a webhook of the same moment (TestSearchBeatsWebhookOfTheSameMoment);
//   - times come as 2026-05-01T10:00:00.000+0200 (TestOffsetWithoutColon).
//
// Descriptions are not asked for, and who wrote what is used only to tell a
// response from the reporter's own words.
package jira
