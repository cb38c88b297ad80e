// Package statuspage imports the incidents of Statuspage: by its REST API, or as JSON
// that is posted, such as the public page's /api/v2/incidents.json.
//
// The traps, each with a test of its name:
//   - scheduled maintenance is an incident to Statuspage; here it is none
//     (TestScheduledMaintenanceIsNoIncident);
//   - an incident may be resolved, opened again and resolved: its updates say so, and
//     display_at is when, since created_at is when somebody wrote it down
//     (TestReopenedByItsUpdatesInThePagesZone);
//   - one that was backfilled began before it was created
//     (TestBackfilledBeganBeforeItWasCreated);
//   - postmortem comes after resolved and changes nothing
//     (TestPostmortemChangesNothing);
//   - times carry the page's own zone (TestReopenedByItsUpdatesInThePagesZone);
//   - the list is by creation, so that what was open is read again
//     (TestWhatWasOpenIsReadAgain);
//   - a rate limit is 420 as well as 429 (TestRateLimitIs420).
//
// Statuspage signs nothing: JSON is taken with a shared secret only.
package statuspage
