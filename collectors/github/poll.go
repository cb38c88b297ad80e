package github

import (
	"time"

	"github.com/headway-metrics/headway/collectors"
)

type poller struct{}

func newPoller(Config, collectors.Deps, func() time.Time) (*poller, error) { return &poller{}, nil }
