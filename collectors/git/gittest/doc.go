// Package gittest makes repositories with a known shape, and says with git
// rev-list alone what must be measured of them. The oracle shares no code with
// the collector or the pipeline; that is its worth, and none may enter.
package gittest
