// Package ecs asks Amazon ECS which services run, on Fargate and elsewhere, once a day
// (docs.aws.amazon.com/AmazonECS/latest/APIReference: ListClusters, ListServices,
// DescribeServices). It is the only room that knows AWS's client: that finds the
// credentials of a pod, a task or a machine, and signs.
//
// The traps, each with a test of its name:
//   - a snapshot must be whole: nothing is said of a cluster before all its services
//     were described (TestASnapshotIsWhole);
//   - services are described ten at a time, and one that is missing was deleted since
//     it was listed (TestAServiceThatIsMissingWasDeleted);
//   - tags come only when they are asked for (TestPollContract);
//   - a service that drains is on its way out, and one that names a capacity provider
//     has no launch type
//     (TestAServiceThatDrainsIsLeftOutAndACapacityProviderTellsTheLaunchType);
//   - throttling is answered with status 400, and AWS states no budget: requests are
//     spread (TestThrottlingIsPatience).
package ecs
