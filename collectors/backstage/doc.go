// Package backstage reads Backstage: the software catalog (services, owners,
// teams, people, templates), the scaffolder's tasks (self-service requests), and
// events that a Backstage backend forwards: scaffolder.task and analytics.
//
// A backend forwards events by posting {"topic", "eventPayload"}, the parameters
// of its events service, to /hooks/backstage with a shared token. The topics are
// scaffolder.task and analytics; an eventPayload of analytics is one analytics
// event of Backstage or a list of them.
//
// Annotations that Headway reads of its own: headway.dev/capability (the
// capability that a component or template provides), headway.dev/released-at,
// headway.dev/mandated, headway.dev/team-kind, headway.dev/minutes-saved,
// headway.dev/created-at. Minutes saved are also read from backstage.io/time-saved.
//
// The traps, each with a test of its name:
//   - the catalog cannot be asked what changed: it is listed, and an entity is emitted
//     when its etag changed (TestEmitsOnlyWhatChanged);
//   - an owner or a membership has no date: it begins when it was seen, and a
//     reorganisation does not rewrite what was before (TestEmitsOnlyWhatChanged);
//   - an entity missing from the list may be a hiccup: it is withdrawn once asking for
//     it by name says that it is gone (TestRemovedEntityIsAskedForByName);
//   - a task carries no time of completion: its events do
//     (TestCompletionComesFromTheEvents);
//   - a task that is retried keeps its id and is open again
//     (TestRetryOpensTheSameRequestAgain);
//   - template parameters and output name no person: identity comes from the task's own
//     user reference, which Backstage takes from the token
//     (TestIdentityOnlyFromTheToken);
//   - the annotation pagerduty.com/integration-key is a secret, and is taken out of the
//     payload before anything else sees it (TestSecretAnnotationIsTakenOut).
//
// People are linked by catalog annotations, never by display name; nothing here
// counts what one person does.
package backstage
