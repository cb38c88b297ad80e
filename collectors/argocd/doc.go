// Package argocd reads what Argo CD has synced: by asking for its Applications, and
// by notifications whose body is the Application.
//
// The traps, each with a test of its name:
//   - the revision of a sync is the configuration repository's, not the application's:
//     the version is the tag of the image that then runs, or what the sync itself sets
//     (Kustomize images, a Helm parameter), and the commit is read from it as package
//     gitops does; only when manifests and code share one repository is the revision
//     the commit (TestRevisionIsTheConfigurationsNotTheApplications,
//     TestRevisionIsTheCommitWhenManifestsLiveWithTheCode);
//   - the images in status.summary are those of the pods that are there: they belong to
//     the newest sync only, and only when it is healthy and one version is left
//     (TestImagesBelongToTheNewestHealthySync);
//   - the history is capped and holds successes only: each sync is a deployment with an
//     id of its own, and failures are read from operationState while it shows them
//     (TestHistoryIsCappedAndHoldsSuccessesOnly);
//   - the same revision synced again is not a new deployment
//     (TestSameRevisionSyncedAgainIsNoDeployment);
//   - what an earlier reading knew of a sync's image is not lost to a later one that
//     cannot know it any more (TestWhatWasKnownOfAnImageIsNotLost).
//
// Who started a sync is not read.
package argocd
