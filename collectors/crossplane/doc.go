// Package crossplane asks Kubernetes clusters what Crossplane provisions: claims and
// composite resources (XRs), of Crossplane 1 and 2, found through their
// CompositeResourceDefinitions (docs.crossplane.io). Each is a request to the platform,
// completed when its condition Ready became true.
//
// The traps, each with a test of its name:
//   - a claim has a composite resource of its own: of the two only the claim counts,
//     and a composite that another one is made of is nobody's request
//     (TestOfAClaimAndItsCompositeOnlyTheClaimCounts);
//   - Crossplane 2 has composites in namespaces and no claims, and other versions of
//     its own API (TestCompositesMayBeInNamespacesAndDefinitionsOfTwoVersions);
//   - Ready moves more than once: the first time counts, in whatever order it is read
//     (TestTheFirstTimeThatItBecameReadyCounts);
//   - what is deleted is not ready any more, although it once was
//     (TestWhatIsDeletedOnceWasReady);
//   - what is gone before it was ready was cancelled
//     (TestWhatIsGoneBeforeItWasReadyWasCancelled);
//   - what a claim asks for may hold passwords: of an object only the names, labels and
//     conditions are kept (TestPollContract).
package crossplane
