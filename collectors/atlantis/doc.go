// Package atlantis reads the webhooks of Atlantis: what was applied, for whom, and by
// whom it was served. Rules say which Terraform project is which capability.
//
// The traps, each with a test of its name:
//   - the payload holds the address to clone from with Atlantis' own token in it, which
//     is taken out before anything else sees it
//     (TestTheTokenOfTheCloneAddressIsTakenOut);
//   - a payload carries no time: an apply was when its delivery was received, and how
//     long it took is not known (TestTheTimeIsThatOfReceipt);
//   - an apply that failed is tried again in the same pull request: that is one request
//     (TestAnApplyThatIsTriedAgainIsOneRequest);
//   - an apply by the API has no pull request: its commit names it
//     (TestAnApplyByTheAPIIsNamedByItsCommit);
//   - the author is a name at the version-control host, which is told by a number
//     (TestTheHostSaysWhoseNameTheAuthorIs).
//
// Who commented "apply" is not read; who wrote the pull request only finds the team.
package atlantis
