// Package alertmanager takes the notifications of Prometheus' Alertmanager: groups
// of alerts, of which rules over labels say which are incidents. Grafana Alerting
// sends the same shape; its package reads it with this one's Alerts.
//
// The traps, each with a test of its name:
//   - a group is sent again and again while it fires, whole each time: an incident is
//     the alert's fingerprint and start, so that a repetition is the same and the next
//     time is another (TestRepetitionIsTheSameIncident, TestNextTimeIsAnotherIncident);
//   - several Alertmanagers send the same alert
//     (TestSeveralAlertmanagersSendOneIncident);
//   - one group holds alerts that fire and alerts that ended
//     (TestGroupOfFiringAndResolvedAlerts);
//   - a group that was cut (truncatedAlerts) does not say what is missing
//     (TestTruncatedGroupGivesWhatItHolds);
//   - the end of an alert that fires is the year 1, or lies ahead
//     (TestEndOfAnAlertThatFiresIsNone).
//
// Nothing is asked for: Alertmanager keeps no history.
package alertmanager
