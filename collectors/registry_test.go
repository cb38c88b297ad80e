package collectors_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/schema"
)

type made struct{ says string }

func (*made) Name() string { return "made" }

func (*made) Normalize(schema.Event) ([]schema.Fact, error) { return nil, nil }

func TestMade(t *testing.T) {
	t.Parallel()
	type config struct{ Says string }
	build := collectors.Made("made", func(c config, _ collectors.Deps) (*made, error) {
		if c.Says == "" {
			return nil, errors.New("says is missing")
		}
		return &made{c.Says}, nil
	})
	if s, err := build(&config{"hello"}, collectors.Deps{}); err != nil || s.(*made).says != "hello" {
		t.Errorf("source %+v, %v", s, err)
	}
	if s, err := build(&config{}, collectors.Deps{}); err == nil || s != nil {
		t.Errorf("a source that cannot be made is %#v, %v", s, err)
	}
	if _, err := build(config{"hello"}, collectors.Deps{}); err == nil || !strings.Contains(err.Error(), "made: configuration is a ") {
		t.Errorf("error %v", err)
	}
}
