// Package pulumi reads the webhooks of Pulumi Cloud: what stack updates provisioned,
// for whom, and by whom it was served. Rules say which stack is which capability.
//
// The traps, each with a test of its name:
//   - a payload carries no time: an update was when its delivery was received, and how
//     long it took is not known (TestTheTimeIsThatOfReceipt);
//   - the kind of an event is in a header that is not signed: its body says what it is
//     (TestTheHeaderSaysNothing);
//   - a stack's webhook and its organization's both tell of one update, in any order:
//     the update's page names it, and the first receipt counts
//     (TestTheFirstReceiptOfAnUpdateCounts);
//   - previews come in the same shape as updates (TestOnlyUpdatesProvision);
//   - refreshes, destroys and imports are updates to Pulumi, and provision nothing
//     (TestOnlyUpdatesProvision);
//   - an update succeeds although it changed nothing: it is a dry run
//     (TestAnUpdateThatChangesNothingIsADryRun).
//
// Who ran an update only finds the team.
package pulumi
