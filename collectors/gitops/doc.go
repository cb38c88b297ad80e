// Package gitops reads promotions from the history of a configuration
// repository: a commit on its branch that changes the version of a service in the
// file of an environment is a deployment of that version there.
//
// The history is walked along the first parents, oldest first, with the git
// command. For each commit and file that a rule names, one event holds the file
// before and after, verbatim; which value of it counts is read in Normalize, so
// that a corrected rule can be applied to history.
//
// The traps, each with a test of its name:
//   - a file that is broken YAML at one commit: that event goes to the dead letters,
//     and the next good state is compared with the last good one, so that repairing a
//     file is no promotion (TestBrokenYAMLAtOneCommit);
//   - a file that is moved and means the same service and environment is none either
//     (TestFileMovedDeletedAndMadeAgain);
//   - a version such as 1.10 is a number to YAML; it is read as written (TestYAML);
//   - an image's digest is no commit (TestValues);
//   - a forced push takes promotions back that are no longer in the history
//     (TestForcedPushTakesPromotionsBack).
//
// The finished time is the commit's, as nothing here knows when a controller
// applied it; Argo CD does, and has its own source. No application repository is
// read here: package git does that.
package gitops
