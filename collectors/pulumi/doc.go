// Package pulumi reads the webhooks of Pulumi Cloud: what stack updates provisioned,
// for whom, and by whom it was served. Rules say which stack is which capability.
//
// The traps, each with a test of its name:
//   - a payload carries no time: an update was when its delivery was received, and how
//     long it took is not known;
//   - the kind of an event is in a header that is not signed: its body says what it is;
//   - a stack's webhook and its organization's both tell of one update, in any order:
//     the update's page names it, and the first receipt counts;
//   - previews come in the same shape as updates;
//   - refreshes, destroys and imports are updates to Pulumi, and provision nothing;
//   - an update succeeds although it changed nothing: it is a dry run.
//
// Who ran an update only finds the team.
package pulumi
