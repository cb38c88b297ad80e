package metrics

// Zones must be known on machines without a zone database too.
import _ "time/tzdata"
