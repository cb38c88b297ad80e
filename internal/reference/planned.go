package reference

import "github.com/headway-metrics/headway/collectors"

// planned are the sources that are wanted and not there yet. A row is left out of
// the page as soon as the registry has an entry of its name.
type plannedSource struct {
	name, title string
	group       collectors.Group
}

func planned() []plannedSource {
	return []plannedSource{
		{"cloudrun", "Cloud Run", collectors.GroupWorkloads},
	}
}
