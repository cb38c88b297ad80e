package csv

import (
	"bytes"
	"net/http"
	"time"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/generic"
	"github.com/headway-metrics/headway/schema"
)

// Endpoints implements collectors.Intake.
func (s *Source) Endpoints() []collectors.Endpoint {
	var out []collectors.Endpoint
	for _, kind := range Kinds() {
		out = append(out, collectors.Endpoint{Path: importPath + kind, Receiver: receiver{s.verifier, Table{kind, s.cfg.Times()}}})
	}
	return out
}

type receiver struct {
	generic.Verifier
	table Table
}

// Events implements collectors.Receiver: every row becomes an event, or none does
// and the error names the lines that are wrong.
func (r receiver) Events(_ http.Header, body []byte, received time.Time) ([]schema.Event, error) {
	var out []schema.Event
	err := r.table.Read(bytes.NewReader(body), received, func(l Line) error {
		out = append(out, l.Event)
		return nil
	})
	if err != nil {
		return nil, &collectors.InvalidError{Message: err.Error()}
	}
	return out, nil
}
