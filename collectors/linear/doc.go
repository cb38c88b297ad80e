// Package linear reads issues of Linear: webhooks, and GraphQL for what happened
// before and what was missed. Linear asks not to be polled, so the sweep is rare.
// Rules in the configuration say which issues are bugs, incidents, support, feature
// requests or requests to the platform; labels such as "capability:postgres" say for
// what.
//
// The traps, each with a test of its name:
//   - the time that guards against a replay stands inside the signed body
//     (TestTimeInsideTheBodyGuardsAgainstReplay);
//   - an issue may keep the time of a completion although it was reopened, and a
//     cancelled one is over without being completed: the type of its state decides
//     (TestTypeOfTheStateDecides);
//   - labels are a list in webhooks and a connection in GraphQL
//     (TestLabelsOfWebhooksAndGraphQL);
//   - an exceeded rate limit is a 400, or a 200 with errors
//     (TestRateLimitIsA400OrA200WithErrors);
//   - an API key stands alone in Authorization, an OAuth token after "Bearer"
//     (TestKeyStandsAloneAndTokenAfterBearer);
//   - an issue in the trash is neither removed nor there
//     (TestTrashedAndRemovedAreWithdrawn);
//   - an issue that moves to another team changes its identifier; its id stays
//     (TestMovedIssueKeepsItsID).
//
// Descriptions and comments are not asked for, though webhooks hold descriptions; who
// wrote or does what is not read.
package linear
