package schema

import (
	"strings"
	"time"
)

// Topics of Headway. Raw events go to RawTopic(source).
const (
	TopicDirty      = "headway.dirty"
	TopicDeadLetter = "headway.deadletter"
	TopicCursors    = "headway.cursors"
	rawTopicPrefix  = "headway.raw."
)

// RawTopic is the topic of a source's verbatim events.
func RawTopic(source string) string { return rawTopicPrefix + source }

// OwnTopic reports whether a topic carries what Headway itself works with.
func OwnTopic(name string) bool {
	return name == TopicDirty || name == TopicDeadLetter || name == TopicCursors || strings.HasPrefix(name, rawTopicPrefix)
}

// DirtyKey names what an event can have changed. It is the value of a message on
// TopicDirty, and Partition its key.
//
// A "repo/…" or "ref/…" key is resolved against the service catalogue by the
// pipeline and published again as one "service/…" key per service, so that
// Kafka's partitioning gives each service to one worker at a time.
type DirtyKey string

// DirtyCatalog says that services of the catalogue changed: the pipeline derives
// again those whose facts may now belong to others.
const DirtyCatalog DirtyKey = "catalog"

// DirtyAll says that everything must be derived again, as after a change of the
// rules or of their options.
const DirtyAll DirtyKey = "all"

// DirtyNames says that the names in facts may mean another service or team.
const DirtyNames DirtyKey = "names"

// DirtyFact names a fact, or all of one day, of a table of which each row belongs to
// a service and a team.
func DirtyFact(table, id string) DirtyKey { return DirtyKey("fact/" + table + "/" + id) }

// dirtyDay names all of a day that arrives together.
func dirtyDay(table string, day time.Time) DirtyKey {
	return DirtyFact(table, day.UTC().Format(time.DateOnly))
}

// DirtyRepo says that something in a repository changed.
func DirtyRepo(repo string) DirtyKey { return DirtyKey("repo/" + repo) }

// DirtyRef says that something changed for the service that a source calls ref.
func DirtyRef(ref string) DirtyKey { return DirtyKey("ref/" + ref) }

// DirtyService says that a service must be derived again.
func DirtyService(id string) DirtyKey { return DirtyKey("service/" + id) }

// DirtyIncident says that an incident changed; the pipeline resolves it to the
// services that any update of the incident names.
func DirtyIncident(id string) DirtyKey { return DirtyKey("incident/" + id) }

// DirtyDeployment names a deployment, for the services that it was counted for
// before it was corrected.
func DirtyDeployment(id string) DirtyKey { return DirtyKey("deployment/" + id) }

// Partition is the key of the key's message. Facts and names have one partition,
// because what names mean must not change beside the resolution of facts.
func (k DirtyKey) Partition() string {
	if kind, _ := k.Split(); kind == "fact" || kind == "names" {
		return "names"
	}
	return string(k)
}

// Split returns the kind ("repo", "ref", "incident", "deployment", "service", "fact",
// "names", "catalog", "all") and the name of a key.
func (k DirtyKey) Split() (kind, name string) {
	kind, name, _ = strings.Cut(string(k), "/")
	return kind, name
}
