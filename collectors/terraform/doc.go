// Package terraform reads the run notifications of HCP Terraform and Terraform
// Enterprise: what was provisioned, for whom, and by whom it was served. Rules say
// which workspace is which capability.
//
// The traps, each with a test of its name:
//   - a notification names no commit: a run is a request and never a deployment
//     (TestNoCommitMakesNoDeployment);
//   - the trigger run:errored includes runs that were cancelled or discarded: the run's
//     status tells them apart (TestErroredIncludesCancels);
//   - a run completes although it changed nothing: planned_and_finished is a dry run
//     (TestARunThatChangesNothingIsADryRun);
//   - notifications overtake each other: the run's time of update says which is later
//     (TestTheLaterUpdateCounts);
//   - one request may hold several notifications of a run: the latest counts
//     (TestTheLaterUpdateCounts);
//   - saving a notification sends a verification without a run
//     (TestAVerificationIsNoRun).
//
// Who confirmed or cancelled a run is not read; who created it only finds the team.
package terraform
