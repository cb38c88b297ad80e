package events

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/headway-metrics/headway/collectors/generic"
)

// BenchmarkJobs: a batch of 100 CDEvents of pipeline runs, 1.5 KB each, taken as a
// webhook and then made facts of.
func BenchmarkJobs(b *testing.B) {
	var list []string
	for i := range 100 {
		steps := strings.Repeat(`{"name":"step of the pipeline","status":"completed","conclusion":"success","started_at":"2026-05-04T10:00:00Z"},`, 6)
		list = append(list, fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"https://ci.acme.example/service","type":"dev.cdevents.pipelinerun.finished.0.2.0","datacontenttype":"application/json",`+
			`"data":{"context":{"version":"0.4.1","id":"%d","source":"https://ci.acme.example/service","type":"dev.cdevents.pipelinerun.finished.0.2.0","timestamp":"2026-05-04T10:00:00Z"},`+
			`"subject":{"id":"run/%d","source":"https://ci.acme.example/service","type":"pipelineRun","content":{"pipelineName":"build","outcome":"success","url":"https://ci.acme.example/service/runs/%d"}},`+
			`"customData":{"headway":{"repository":"https://github.com/acme/service","commit":"%040x","started_at":"2026-05-04T09:00:00Z"},"steps":[%s{}]}}}`, i, i, i, i, i, steps))
	}
	body := []byte("[" + strings.Join(list, ",") + "]")
	header := http.Header{"Content-Type": {batchType}}
	s := newSource(generic.Verifier{})
	b.Run("accept", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			if _, err := s.Events(header, body, time.Now()); err != nil {
				b.Fatal(err)
			}
		}
	})
	events, err := s.Events(header, body, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	b.Run("normalize", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			for _, ev := range events {
				if facts, err := s.Normalize(ev); err != nil || len(facts) != 1 {
					b.Fatal(len(facts), err)
				}
			}
		}
	})
}
