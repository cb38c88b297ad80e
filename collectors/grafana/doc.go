// Package grafana takes the notifications of Grafana Alerting, which have the shape
// of Alertmanager's groups. What differs: who signs, the version of the shape, and
// alerts that are about Grafana itself.
//
// The traps, each with a test of its name:
//   - a group is sent again while it fires, as by Alertmanager
//     (TestRepetitionIsTheSameIncident);
//   - version is "1", not "4" (TestTestdata);
//   - with a timestamp header the signature is of the timestamp, a colon and the body
//     (TestSignatureWithTimestamp);
//   - a Grafana without signatures sends a token (TestTokenOfAGrafanaThatDoesNotSign);
//   - DatasourceNoData, DatasourceError and the contact point's test carry the labels
//     of a rule, or any, and are no trouble of a service
//     (TestAlertsAboutGrafanaAreNoIncidents).
package grafana
