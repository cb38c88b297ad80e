// Package incidentio reads incidents of incident.io: webhooks, and the v2 API for what
// happened before, was missed, or is private.
//
// The traps, each with a test of its name:
//   - webhooks about private incidents carry only an id: they are ignored by name, and
//     the API tells of them when its key may see them
//     (TestPrivateIncidentIsToldByTheAPIOnly);
//   - a status update holds the incident inside an envelope of its own, with the status
//     before and after (TestStatusUpdateHoldsTheIncident);
//   - there is no field for the end: it is a timestamp of the organisation's own naming
//     ("Resolved at"), else the time of the change to a closed status
//     (TestEndIsATimestampOrTheChange);
//   - declined, merged and cancelled incidents are withdrawn; those in triage are none
//     yet; tests and tutorials never are (TestWithdrawnAndNoneYet);
//   - a timestamp that is corrected later corrects the incident
//     (TestCorrectedTimestampCorrectsTheIncident).
//
// Who reported, led or joined is not read.
package incidentio
