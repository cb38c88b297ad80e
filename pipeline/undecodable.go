package pipeline

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/headway-metrics/headway/schema"
)

// TypeUndecodable is the type of the event that stands for a Kafka message
// whose headers make no event.
const TypeUndecodable = "headway.undecodable"

// RawMessage is a Kafka message as it was read.
type RawMessage struct {
	Topic     string
	Partition int
	Offset    int64
	Time      time.Time
	Key       []byte
	Value     []byte
}

// Undecodable makes an event of a message that could not be decoded, for the
// reason given by cause. Loader.Handle sends it to the dead-letter topic with
// ReasonUndecodable and its value verbatim; the subject says where in Kafka the
// message lies and what is wrong. Its id is its place, so reading it twice gives
// one dead letter.
func Undecodable(m RawMessage, cause error) schema.Event {
	source := strings.TrimPrefix(m.Topic, schema.RawTopic(""))
	if source == "" {
		source = unknown
	}
	at := m.Time
	if at.IsZero() {
		at = schema.MinTime
	}
	return schema.Event{
		ID:          schema.EventID(m.Topic, strconv.Itoa(m.Partition), strconv.FormatInt(m.Offset, 10)),
		Source:      source,
		Type:        TypeUndecodable,
		Subject:     fmt.Sprintf("%s/%d@%d: %v", m.Topic, m.Partition, m.Offset, cause),
		Time:        at.UTC(),
		Key:         string(m.Key),
		ContentType: "application/octet-stream",
		Data:        m.Value,
	}
}
