// Package snyk reads what Snyk finds: by its webhook (docs.snyk.io, "Webhooks", which
// Snyk calls beta) and its REST API (apidocs.snyk.io, "Issues"). Both say when a
// finding ends, so that nothing has to be concluded from what a report leaves out.
//
// The traps, each with a test of its name:
//   - the webhook tells of open source and containers only, and not of a project's
//     first test: it makes things immediate, and the API tells the rest
//     (TestWebhookMakesImmediateWhatTheAPITells);
//   - the headers are not signed: the body says what it is
//     (TestHeadersAreNotSignedTheBodySaysWhatItIs);
//   - webhook and API name one issue by different ids: project and key are common to
//     both (TestWebhookAndAPINameOneFinding);
//   - a webhook does not say when a removed issue began: the beginning is a fact of its
//     own (TestRemovedIssueKeepsItsBeginning);
//   - an ignored issue stays open to Snyk; here it is dismissed
//     (TestIgnoredIsDismissed);
//   - one that disappeared with its project is resolved as well
//     (TestDisappearedIsResolved);
//   - pages are linked by addresses with and without /rest: only their place is used
//     (TestLinksWithAndWithoutRest).
package snyk
