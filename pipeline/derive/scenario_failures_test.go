package derive_test

import (
	"fmt"
	"testing"

	"github.com/headway-metrics/headway/schema"
)

// Which release an incident marks. Each incident marks at most one release of a
// service, and a release has failed once however many incidents it has.

// nine deploys r1 … r9 of the commits a1 … a9 at 01:00 … 09:00, after r0.
func nine(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.commits("", "a0 00:00")
	for i := 1; i <= 9; i++ {
		w.commits(fmt.Sprint("a", i-1), fmt.Sprintf("a%d 0%d:30", i, i-1))
		w.deploys(fmt.Sprintf("r%d a%d 0%d:00", i, i, i))
	}
	return w
}

func TestScenario_SevenIncidentsOnThreeOfNineReleases(t *testing.T) {
	t.Parallel()
	w := nine(t)
	for i, cause := range []string{"r2", "r2", "r2", "r5", "r5", "r7", "r7"} {
		w.outage(fmt.Sprint("i", i+1), "10:00", fmt.Sprintf("1%d:00", i+1), cause)
	}
	w.tells(`
		r1 01:00 (baseline)
		r2 02:00 deploys a2 after 30m; failed: explicit i1, recovered 11:00 by incident_resolved i1
		r3 03:00 deploys a3 after 30m
		r4 04:00 deploys a4 after 30m
		r5 05:00 deploys a5 after 30m; failed: explicit i4, recovered 14:00 by incident_resolved i4
		r6 06:00 deploys a6 after 30m
		r7 07:00 deploys a7 after 30m; failed: explicit i6, recovered 16:00 by incident_resolved i6
		r8 08:00 deploys a8 after 30m
		r9 09:00 deploys a9 after 30m
		incident i1 marks r2 (explicit), lasted 1h
		incident i2 marks r2 (explicit), lasted 2h
		incident i3 marks r2 (explicit), lasted 3h
		incident i4 marks r5 (explicit), lasted 4h
		incident i5 marks r5 (explicit), lasted 5h
		incident i6 marks r7 (explicit), lasted 6h
		incident i7 marks r7 (explicit), lasted 7h
		3 of 9 failed`)
}

func TestScenario_IncidentNamesItsDeploymentAlthoughAnotherCameLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00", "a1 09:00", "a2 10:00")
	w.deploys("r0 a0 08:30", "r1 a1 09:30", "r2 a2 10:30")
	w.outage("i1", "11:00", "12:00", "r1")
	w.tells(`
		r0 08:30 (baseline)
		r1 09:30 deploys a1 after 30m; failed: explicit i1, recovered 12:00 by incident_resolved i1
		r2 10:30 deploys a2 after 30m
		incident i1 marks r1 (explicit), lasted 1h
		1 of 3 failed`)
}

// It is an incident all the same, and counts for the time to restore.
func TestScenario_IncidentBeforeAnyDeployment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00", "a1 09:00")
	w.deploys("r0 a0 08:30", "r1 a1 09:30")
	w.outage("i1", "07:00", "10:00", "")
	w.tells(`
		r0 08:30 (baseline)
		r1 09:30 deploys a1 after 30m
		incident i1 marks no release, lasted 3h
		0 of 2 failed`)
}

// Without any stronger evidence the heuristic by time takes the last release
// before the incident, and says so.
func TestScenario_IncidentThatNamesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00", "a1 09:00")
	w.deploys("r0 a0 08:30", "r1 a1 09:30")
	w.outage("i1", "10:00", "11:00", "")
	w.tells(`
		r0 08:30 (baseline)
		r1 09:30 deploys a1 after 30m; failed: time i1, recovered 11:00 by incident_resolved i1
		incident i1 marks r1 (time), lasted 1h
		1 of 2 failed`)
}

// The pager knows one name for the whole project. An incident of it marks none
// of its services by time, and of two that name a deployment only that one's.
func TestScenario_IncidentOfSeveralServices(t *testing.T) {
	t.Parallel()
	for cause, want := range map[string]string{
		"r1": "incident i1 marks r1 (explicit), lasted 1h",
		// A deployment of the other service, which this one knows nothing of.
		"other/r7": "incident i1 marks no release, lasted 1h",
		"":         "incident i1 marks no release, lasted 1h",
	} {
		t.Run("cause "+cause, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.commits("", "a0 08:00", "a1 09:00")
			w.deploys("r0 a0 08:30", "r1 a1 09:30")
			w.outage("i1", "10:00", "11:00", cause)
			for i := range w.in.Incidents {
				w.in.Incidents[i].ServiceRefs = []string{service, "pay"}
			}
			if got := incidentSentence(w.derive().Incidents[0]); got != want {
				t.Errorf("%s; want %s", got, want)
			}
		})
	}
}

// The cause is known and is not here: nothing is guessed.
func TestScenario_IncidentThatNamesWhatIsNotDeployedHere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00", "a1 09:00")
	w.deploys("r0 a0 08:30", "r1 a1 09:30")
	w.outage("i1", "10:00", "11:00", "deployment 7 of the database")
	w.tells(`
		r0 08:30 (baseline)
		r1 09:30 deploys a1 after 30m
		incident i1 marks no release, lasted 1h
		0 of 2 failed`)
}

func TestScenario_ReopenedIncident(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00", "a1 09:00")
	w.deploys("r0 a0 08:30", "r1 a1 09:30")
	w.outage("i1", "10:00", "11:00", "r1")
	w.incident("i1", schema.IncidentReopened, "11:30")
	w.tells(`
		r0 08:30 (baseline)
		r1 09:30 deploys a1 after 30m; failed: explicit i1
		incident i1 marks r1 (explicit), open
		1 of 2 failed`)
	w.incident("i1", schema.IncidentResolved, "13:00")
	w.tells(`
		r0 08:30 (baseline)
		r1 09:30 deploys a1 after 30m; failed: explicit i1, recovered 13:00 by incident_resolved i1
		incident i1 marks r1 (explicit), lasted 3h, reopened 1×
		1 of 2 failed`)
}

// i2 was found to be the same trouble as i1 and merged into it: it is gone, and
// i1 stands for both.
func TestScenario_MergedIncident(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commits("", "a0 08:00", "a1 09:00")
	w.deploys("r0 a0 08:30", "r1 a1 09:30")
	w.outage("i1", "10:00", "12:00", "r1")
	w.outage("i2", "10:10", "", "r0")
	w.incident("i2", schema.IncidentDeleted, "10:30")
	w.tells(`
		r0 08:30 (baseline)
		r1 09:30 deploys a1 after 30m; failed: explicit i1, recovered 12:00 by incident_resolved i1
		incident i1 marks r1 (explicit), lasted 2h
		1 of 2 failed`)
}

// What counts is when the trouble began, not when somebody wrote it down.
func TestScenario_IncidentImportedAMonthLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.in.Now = day.AddDate(0, 3, 0)
	w.commits("", "a0 08:00", "a1 09:00", "a2 10:00")
	w.deploys("r0 a0 08:30", "r1 a1 09:30", "r2 a2 30d 10:30")
	w.incident("i1", schema.IncidentTriggered, "31d 09:00").StartedAt = new(at(t, "10:00"))
	w.incident("i1", schema.IncidentResolved, "12:00")
	w.tells(`
		r0 08:30 (baseline)
		r1 09:30 deploys a1 after 30m; failed: time i1, recovered 12:00 by incident_resolved i1
		r2 30d 10:30 deploys a2 after 720h30m
		incident i1 marks r1 (time), lasted 2h
		1 of 3 failed`)
}
