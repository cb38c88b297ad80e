// Package announce tells other systems what the pipeline concludes: releases and
// incidents as CDEvents v0.5, and which metrics changed as a custom CDEvent. It makes
// the events of the rows that a derivation is about to write; how they reach a topic
// is its user's business, and nothing is computed here.
//
// The rules:
//   - A release that succeeded is service.deployed in each of its environments when the
//     service had none before, service.rolledback when it put an earlier version back,
//     else service.upgraded. CDEvents has no type of a deployment that failed, so
//     failed attempts are not told.
//   - An incident is incident.reported when people keep it and its page is known, which
//     CDEvents demands, and incident.detected when a system raised the alarm or there is
//     no page; once it is over it is incident.resolved as well.
//   - What changed of a metric is told without its value: a value belongs to a
//     question (which days, which teams), which whoever listens asks anew.
//   - Rows that no longer follow change metrics; they take back no deployment and no
//     incident, for CDEvents has no such types.
//   - An event's id is a hash of the row's key and of the event's type and subject. A
//     crash repeats events under the same ids, and so does a row that changes in
//     something else: whoever listens tells repetitions by source and id. An incident
//     that was opened again has new ids.
//   - No person and no free text that could name one is in an event.
//   - Every event says customData.headway.derived, by which Headway knows its own
//     events when somebody sends them back (collectors/generic/events).
package announce
