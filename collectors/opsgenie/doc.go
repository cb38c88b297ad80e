// Package opsgenie reads Opsgenie: alerts by webhook and REST API, or incidents by
// REST API. Atlassian ends the product on 2027-04-05; until then its history can be
// kept.
//
// The traps, each with a test of its name:
//   - a webhook's createdAt is in milliseconds and its updatedAt in nanoseconds, while
//     the REST API writes RFC 3339 (TestMillisecondsNanosecondsAndRFC3339);
//   - an alert says when it was closed only as milliseconds after its creation
//     (report.closeTime), an incident not at all: it is its last change
//     (TestCloseTimeCountsFromTheCreation);
//   - alerts are many and incidents few: priorities say which alerts count
//     (TestOnlyConfiguredPrioritiesCount);
//   - a delivery's close and the listing's are one update
//     (TestWebhookAndListingAreOneUpdate);
//   - an incident makes alerts of its own, so that reading both would count twice
//     (TestAlertsOfIncidentsAreNotCountedTwice);
//   - lists are served to the 20,000th entry and move while they are read
//     (TestMoreThanAListServes).
//
// Who was paged, acknowledged or closed is not read.
package opsgenie
