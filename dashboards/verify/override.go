package verify

import (
	"encoding/json"

	"github.com/headway-metrics/headway/dashboards/model"
)

// overrideLinks reads what an override's property refers to: links, or the name
// of another series that it fills down to.
func overrideLinks(id string, value json.RawMessage) (links []model.Link, column string) {
	switch id {
	case "links":
		if err := json.Unmarshal(value, &links); err != nil {
			return []model.Link{{URL: "${unreadable link}"}}, ""
		}
	case "custom.fillBelowTo":
		if err := json.Unmarshal(value, &column); err != nil {
			return nil, string(value)
		}
	}
	return links, column
}
