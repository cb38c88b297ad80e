package sample

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Delivery is one request that a system sends to Headway.
type Delivery struct {
	// At is when the sender sent it; deliveries are sent in this order.
	At time.Time
	// Path below Headway's address: "/hooks/github".
	Path   string
	Header http.Header
	// Body makes the payload; 36,000 of them at once would fill the memory.
	Body func() []byte
	// Kind names the sender for progress and for signing: "github", "pagerduty".
	Kind string
}

// object is a JSON object of a payload.
type object = map[string]any

// ready is the Body of a payload that is made already.
func ready(v any) func() []byte {
	b := body(v)
	return func() []byte { return b }
}

func body(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		// Payloads are made of strings, numbers and maps only.
		panic(fmt.Sprintf("encoding a payload: %v", err))
	}
	return b
}

func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}
