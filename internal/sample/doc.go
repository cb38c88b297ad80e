// Package sample makes up an organisation: 12 teams, 40 services and 180 days of
// work, from a seed, with the events that each system of theirs would have sent.
//
// history.go and what it calls say what happened, in plain records; payload files
// turn the records into each sender's true payloads; send.go delivers them through
// the real endpoints. Nothing of Headway's pipeline may enter: the tests compute
// from the records what the metrics must be.
package sample
