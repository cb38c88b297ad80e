// Package zendesk reads tickets of Zendesk Support: event webhooks, and the
// incremental export by cursor. Rules in the configuration say which are bugs,
// incidents, support, feature requests or requests to the platform.
//
// The traps, each with a test of its name:
//   - an "incident" of Zendesk is one customer's report of a "problem", not an incident
//     of a service: only a rule makes it one (TestIncidentOfACustomerIsSupport);
//   - a ticket is closed days after it was solved; it is resolved when it was solved
//     (TestClosedDaysAfterItWasSolved);
//   - webhooks know neither custom fields nor what was before, and write ids as strings
//     and statuses in capitals: with a token they only tell of new and deleted tickets,
//     and the export of the changes (TestWebhookWritesStringsAndCapitals,
//     TestWithATokenWebhooksOnlyTellOfNewAndDeleted);
//   - the export tells a ticket again when the system touched it, under the same time
//     of update (TestToldAgainUnderTheSameTime);
//   - the export holds deleted tickets, and refuses a start within the last minute
//     (TestDeletedTicketIsWithdrawn, TestStartIsNotWithinTheLastMinute);
//   - an unknown token is nobody's, whom /users/me answers with 200
//     (TestUnknownTokenIsNobodys);
//   - a ticket merged into another was not served (TestMergedTicketWasNotServed).
//
// Descriptions and comments are not read, though the export holds the first
// description; nor is who asked or answered.
package zendesk
