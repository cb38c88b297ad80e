// Package derive concludes from facts what happened to a service: its releases
// in production, the changes each of them deployed, which of them failed and
// when that was mended, and its incidents. Service is the whole of it as a pure
// function; Deriver reads facts, calls it, and writes the rows that differ.
//
// It may not import a source, a client library or anything of internal: what it
// needs of the outside it declares (Store, Outbox). No metric is computed here.
//
// The rules are those of DEFINITIONS; where they leave room, this is what is
// done, and each has a test:
//
//   - A release is made of finished production deployments that succeeded or
//     failed. A cancelled attempt says nothing about the version and takes no
//     part; releases are the denominator of the failure rate.
//   - A release succeeded when at least one of its deployments did: then the
//     version reached production. It finished when the last of its environments
//     had it for the first time; a repetition inside the window moves nothing.
//   - A deployment joins a release of the same version that began within the
//     fan-out window, unless a later release has succeeded in its environment
//     since: V1, V2, V1 within an hour is three releases.
//   - Releases are ordered by when their version first succeeded in production.
//   - "The first successful release that contains the change, and whose previous
//     successful release did not" is computed as: contains it, and no earlier
//     successful release does. For releases that only move forward the two are
//     the same; when an older commit is deployed in between, the wording would
//     claim a change twice, and this claims it once, for the first.
//   - Failed releases, rollbacks and redeployments claim nothing new.
//   - A change is in a release when its merge commit is, or a commit that copies
//     it: a cherry-pick that names it (for a request of several commits, copies
//     of all of them), or the squashed or rebased result of the request into
//     whose branch it was merged.
//   - A version goes back when, in one environment, its commit is an ancestor of
//     the one it replaces; or, where the graph cannot say or the two have
//     diverged, when it was deployed there earlier than the one it replaces. To
//     undo a rollback is to go forward and blames nothing; nor does reverting a
//     revert.
//   - A deployment that was begun before the one it replaces, and finished after
//     it, was overtaken. It puts an older version into production by accident:
//     that is no rollback, and the newer one did not fail by it.
//   - A hotfix blames the latest earlier release that brought something new.
//   - An incident marks at most one release of a service, also one whose attempt
//     failed if it names it: whoever names it says that it reached production.
//     One that concerns several services marks a release of each only when what
//     it names, a commit or a version, was put out by each: then each of these
//     releases brought it to production. One that names a deployment marks the
//     release of that alone.
//   - The heuristic by time is used when no release of the service has stronger
//     evidence, and only for incidents that name no cause and no other service:
//     an incident never marks a release in each of several services by a guess.
//   - A release is rework when it is a rollback, deploys a revert or a hotfix, or
//     is the last to finish while an incident that names an earlier release was open.
//   - Of two deployments of one repository, commit and environment that differ in
//     kind, of which one happened while the other ran and the other names no
//     service, the outer one is not counted: it is the pipeline that deployed.
//   - A repository has the facts of all its names, under the last.
//   - A service that has moved names its former repositories among its aliases.
//     What it deployed from there stays as it was; the first release from a
//     repository that does not have the former one's commits is a baseline.
//   - A service withdrawn from the catalogue keeps what was deployed under its
//     names, as far as the withdrawal tells them and nobody else has them.
//   - Times before 1990 or more than a day in the future are absurd: the row is
//     kept and flagged, and a release with such a time claims and blames nothing.
package derive
