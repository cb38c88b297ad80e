// Package kubernetes asks the API servers of Kubernetes clusters, of any distribution,
// what runs there: Deployments, StatefulSets, DaemonSets and CronJobs, once a day. Where
// they are installed it also reads the reports of policies (PolicyReport of
// wgpolicyk8s.io, Report of openreports.io) and those of the Trivy operator, as packages
// policyreport and trivy do that are sent the same objects.
//
// The traps, each with a test of its name:
//   - a snapshot must be whole: nothing is said of a day before all kinds were listed
//     to their end, and it is said in one event (TestASnapshotIsWhole);
//   - a list that has expired between two pages (410 Gone) is listed again
//     (TestAListThatExpiredIsListedAgain);
//   - a kind that is not installed (404) is no error, and one that may not be listed
//     (403) does not keep the others waiting
//     (TestAKindThatIsNotInstalledIsNoErrorAndAForbiddenOneKeepsNobodyWaiting);
//   - what containers are told holds secrets: of workloads only the metadata is asked
//     for, and the object that kubectl keeps in an annotation is left out
//     (TestOfWorkloadsOnlyTheMetadataIsAskedForAndNoSecretIsKept);
//   - a new ReplicaSet brings a new report of the Trivy operator and takes the old one
//     away: a report that is gone ends the findings only when no other is of the same
//     container (TestANewReplicaSetEndsNoFindings);
//   - two clusters call their workloads the same
//     (TestTwoClustersCallTheirWorkloadsTheSame);
//   - the reports of the operator hold the secrets that it found
//     (TestOfWorkloadsOnlyTheMetadataIsAskedForAndNoSecretIsKept).
package kubernetes
