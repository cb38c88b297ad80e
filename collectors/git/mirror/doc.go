// Package mirror keeps a bare copy of a git repository up to date and reads its
// tags and history, with the git command and nothing else.
//
// What it reads is hostile until proven otherwise: a repository chooses its
// branch names, tag names, paths and messages, and an address may point
// anywhere. So no hook and no external program of a repository is ever run,
// only listed transports are allowed, nothing asks on a terminal, the
// environment's GIT_ variables are dropped, and a token travels in the child's
// environment, never in an argument, an address or a message.
//
// No fact and no event may enter: this room knows git, not Headway.
package mirror
