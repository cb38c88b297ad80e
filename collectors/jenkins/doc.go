// Package jenkins reads the builds of a Jenkins: its REST API, and deliveries of
// the Notification plugin for what happens now. Which jobs deploy, and where to, is
// said by rules; every other build is a build. Jenkins' CDEvents plugin is served
// by package generic/events.
//
// The traps, each with a test of its name:
//   - times are milliseconds since 1970, and a build has no time of its end: it is the
//     start plus the duration (TestEndIsStartPlusDurationInMilliseconds);
//   - the plugin's "timestamp" is the start, the end or the clock, by phase, and 0 in
//     some queued messages: only STARTED and COMPLETED are read, which say exactly what
//     the REST API says (TestNotificationAndRESTSayTheSame,
//     TestQueuedWithoutTimeIsIgnored);
//   - the commit is in one of the build's actions, and a shared library leaves an
//     action of the same shape (TestCommitIsNotThatOfASharedLibrary);
//   - Jenkins signs nothing: the secret is a password in the plugin's URL or a token in
//     a header (TestSecretIsAPasswordOrAToken);
//   - a job in a folder is named by its path, and the plugin's "name" is only the last
//     part of it; a branch's slash is escaped twice (TestJobInAFolderIsNamedByItsPath);
//   - a build that runs while another finishes is read again until it has ended
//     (TestRunningBuildIsReadUntilItHasEnded);
//   - a job that was deleted and made again counts its builds from 1
//     (TestJobDeletedAndMadeAgain).
//
// Who started a build or broke it is not read.
package jenkins
