// Package pagerduty reads incidents of PagerDuty: v3 webhooks, and the REST API
// for what happened before or was missed.
//
// The traps, each with a test of its name:
//   - no message has a time of resolution: it is the occurred_at of incident.resolved,
//     and by REST resolved_at or last_status_change_at
//     (TestResolvedTimeIsThatOfTheEvent);
//   - an incident merged into another is resolved with a reason that says so; it is
//     withdrawn, since its trouble is counted at the other
//     (TestMergedIncidentIsWithdrawn);
//   - a webhook and the REST API tell the same thing twice: updates are named by what
//     happened and the second in which it did, so that they are one
//     (TestWebhookAndRESTAreOneUpdate);
//   - several subscriptions send one event several times: the update is still one
//     (TestSeveralSubscriptionsSendOneUpdate);
//   - PagerDuty drops an event for good when it is answered 4xx, so nothing well signed
//     is refused (TestContract);
//   - REST windows are at most six months long and end at 10,000 incidents
//     (TestWindowsAreBelowSixMonths, TestMoreIncidentsThanAWindowServes);
//   - the list is by creation: an older incident that is resolved now is found by
//     remembering which were open (TestOlderIncidentThatIsResolvedNow).
//
// Who was paged or acknowledged is not read.
package pagerduty
