// Package pipelinetest holds stand-ins for what loading talks to: a store with
// the semantics of ReplacingMergeTree, an outbox, and faults that both meet on
// demand. It is for tests of any package and may import no client.
package pipelinetest
