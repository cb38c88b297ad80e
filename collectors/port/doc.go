// Package port reads Port (port.io): runs of self-service actions, which are requests
// to the platform, and entities of the catalogue that are services or teams. Port tells
// of both through automations whose backend is a webhook.
//
// The traps, each with a test of its name:
//   - a run holds what somebody typed in, and the request that was made of it with its
//     headers: both may hold secrets, and are taken out before anything else sees them
//     (TestInputsAndPayloadsAreTakenOut);
//   - an automation is an action too, and its runs are nobody's request
//     (TestRunsOfAutomationsAreNoRequests);
//   - a request that is withdrawn while it waits for approval ends as a FAILURE
//     (TestAWithdrawnRequestIsNoFailure);
//   - a run that needed approval was not served without a human step
//     (TestAnApprovalIsAHumanStep);
//   - a run need not say when it ended: it was at its last update
//     (TestARunEndsAtItsLastUpdate);
//   - an entity's creation is that of its row in the catalogue, and not of the service
//     (TestAnEntityIsNotCreatedWithItsService).
//
// Who ran an action only finds the team; who approved is not read.
package port
