// Package circleci reads CircleCI's workflows and jobs: webhooks, and the v2 API for
// what happened before or was missed. Which of them deploy is said by rules; every
// other workflow is a build.
//
// The traps, each with a test of its name:
//   - the commit is in pipeline.vcs.revision for GitHub's OAuth app and Bitbucket, and
//     in trigger_parameters.git.checkout_sha for GitLab and GitHub's App
//     (TestCommitIsInOneOfTwoPlaces);
//   - deliveries come more than once: their id names the event
//     (TestDuplicateDeliveriesAreOneEvent);
//   - a workflow that is run again is a workflow of its own, with the same commit
//     (TestRerunIsAWorkflowOfItsOwn);
//   - a workflow can be green although the job that deploys did not run, and red
//     because of another job: rules can name the job
//     (TestJobTellsWhatTheWorkflowDoesNot);
//   - a workflow waits for an approval for days: its pipeline is asked for until it has
//     ended (TestWorkflowThatWaitsIsAskedForUntilItHasEnded);
//   - pipelines are listed newest first, without a date to begin from
//     (TestNewPipelinesOnlyAreAskedFor).
//
// Who committed, triggered or approved is not read.
package circleci
