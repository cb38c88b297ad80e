// Package git reads any git repository with the git command: commits, tags, and
// releases from tags. It needs no account and no token, and no vendor's API.
//
// Each repository is copied bare and partially into the state directory (a
// local path is borrowed from, never written to) and fetched incrementally. Commits
// travel as batches of verbatim `git log` records, tags as what changed of them.
//
// The traps, each with a test of its name:
//   - a release tagged twice (v1.2.0 and 1.2.0 on one commit) counts once, at the
//     earlier time; the same commit under another version is deployed again
//     (TestTagMadeTwice);
//   - a tag that is moved, deleted or made again: the last observation counts
//     (TestTagsMovedDeletedAndMadeAgain);
//   - a forced push: commits that vanished stay as facts, they do no harm, since
//     everything is read from the releases backwards (TestForcedPush);
//   - cherry-picks and reverts are read from messages, which lie when edited
//     (TestCommitsTagsAndService);
//   - author times lie before, after and far from commit times: they are kept, and the
//     pipeline flags them (TestGeneratedRepositoryAgainstOracle);
//   - a service that GitOps or a vendor deploys would be counted twice by its tags:
//     tags: none reads them, for resolving versions, and releases nothing
//     (TestPrereleasesAndGlobs);
//   - pre-releases (v2.0.0-rc1) are not releases unless configured
//     (TestPrereleasesAndGlobs).
//
// No author, committer or tagger is read: nobody is measured. No request, review
// or deployment of a vendor may enter; they have their own packages.
package git
