package schema_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/headway-metrics/headway/schema"
)

func change(at time.Time, rank uint8, title string) *schema.Change {
	return &schema.Change{Meta: schema.Meta{Version: schema.NewVersion(at, rank)}, ChangeID: "r#1", Repo: "r", Title: title, OpenedAt: at}
}

func seal(t interface{ Fatal(args ...any) }, f *schema.Change, replay int) uint64 {
	if err := schema.Seal(f, replay); err != nil {
		t.Fatal(err)
	}
	return f.Version
}

// A later change of the sender beats everything; then the rank, then the replay;
// and two rows that differ in content only still have a winner.
func TestTheOrderOfVersions(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.Int64Range(0, 1<<41).Draw(t, "ms")
		at := time.UnixMilli(ms).UTC()
		rank := uint8(rapid.IntRange(0, 6).Draw(t, "rank"))
		replay := rapid.IntRange(0, schema.MaxReplays-1).Draw(t, "replay")
		base := seal(t, change(at, rank, "a"), replay)
		if v := seal(t, change(at.Add(time.Millisecond), 0, "b"), 0); v <= base {
			t.Fatalf("a change one millisecond later loses: %x, %x", v, base)
		}
		if v := seal(t, change(at, rank+1, "b"), 0); v <= base {
			t.Fatalf("a higher rank loses: %x, %x", v, base)
		}
		if v := seal(t, change(at, rank, "b"), replay+1); v <= base {
			t.Fatalf("a later replay loses: %x, %x", v, base)
		}
		if got := schema.VersionTime(base); !got.Equal(at) {
			t.Fatalf("the version's time is %s, want %s", got, at)
		}
	})
}

func TestAGuessLosesToWhatWasDeclared(t *testing.T) {
	t.Parallel()
	long := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	if schema.GuessVersion(now) >= schema.NewVersion(long, 0) {
		t.Error("today's guess beats what was declared in 2000")
	}
	if schema.GuessVersion(now.Add(time.Millisecond)) <= schema.GuessVersion(now) {
		t.Error("a later guess loses to an earlier one")
	}
}

func TestSealingTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := change(time.UnixMilli(rapid.Int64Range(-1<<45, 1<<45).Draw(t, "ms")), 2, rapid.String().Draw(t, "title"))
		once := seal(t, f, 3)
		opened := f.OpenedAt
		if twice := seal(t, f, 3); twice != once || !f.OpenedAt.Equal(opened) {
			t.Fatalf("sealed to %x, then to %x", once, twice)
		}
		if f.OpenedAt.Before(schema.MinTime) || f.OpenedAt.After(schema.MaxTime) || f.OpenedAt.Location() != time.UTC {
			t.Fatalf("%s is outside what a table holds", f.OpenedAt)
		}
	})
}

func TestSealRefusesAReplayThatTheVersionCannotHold(t *testing.T) {
	t.Parallel()
	for _, n := range []int{-1, schema.MaxReplays + 1} {
		if err := schema.Seal(change(time.Now(), 0, ""), n); err == nil {
			t.Errorf("replay %d was accepted", n)
		}
	}
}

func TestRepoID(t *testing.T) {
	t.Parallel()
	for _, remote := range []string{
		"https://github.com/Acme/Shop.git", "https://github.com/Acme/Shop/", "ssh://git@github.com:22/Acme/Shop.git",
		"git@github.com:Acme/Shop.git", "github.com:Acme/Shop", "https://user:token@github.com/acme/shop", "github.com/acme/shop",
	} {
		if got := schema.RepoID(remote); got != "github.com/acme/shop" {
			t.Errorf("RepoID(%q) = %q", remote, got)
		}
	}
	if got := schema.RepoID("/srv/Git/shop.git"); got != "/srv/Git/shop" {
		t.Errorf("a local path keeps its case: %q", got)
	}
}

func TestCommitMessage(t *testing.T) {
	t.Parallel()
	title, from, reverts := schema.CommitMessage("Revert \"Add x\"\n\nThis reverts commit 0123456789abcdef0123456789abcdef01234567.\n" +
		"(cherry picked from commit aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa)\n(cherry picked from commit bbbbbbb)\n")
	if title != `Revert "Add x"` || from != "bbbbbbb" || !slices.Equal(reverts, []string{"0123456789abcdef0123456789abcdef01234567"}) {
		t.Errorf("got %q, %q, %v", title, from, reverts)
	}
	if title, from, reverts := schema.CommitMessage("  \n"); title != "" || from != "" || reverts != nil {
		t.Errorf("an empty message: %q, %q, %v", title, from, reverts)
	}
}

func TestTierByName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"production": schema.TierProduction, "prod-eu-1": schema.TierProduction, "LIVE": schema.TierProduction, "eu_prod": schema.TierProduction,
		"pre-prod": schema.TierStaging, "preprod": schema.TierStaging, "staging": schema.TierStaging, "uat": schema.TierStaging,
		"qa": schema.TierTesting, "integration-test": schema.TierTesting, "dev": schema.TierDevelopment, "review/42": schema.TierDevelopment,
		"products": schema.TierOther, "reproduction": schema.TierOther, "delivery": schema.TierOther, "": schema.TierOther,
	} {
		if got := schema.TierByName(name); got != want {
			t.Errorf("TierByName(%q) = %s, want %s", name, got, want)
		}
	}
}

func TestMonday(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"2026-01-01T00:00:00Z": "2025-12-29", "2026-03-01T23:59:59Z": "2026-02-23", "2024-02-29T12:00:00Z": "2024-02-26", "2026-03-02T00:00:00Z": "2026-03-02",
	} {
		at, err := time.Parse(time.RFC3339, in)
		if err != nil {
			t.Fatal(err)
		}
		if got := schema.Monday(at).Format(time.DateOnly); got != want {
			t.Errorf("Monday(%s) = %s, want %s", in, got, want)
		}
	}
}

func TestEventIDTellsItsPartsApart(t *testing.T) {
	t.Parallel()
	if schema.EventID("ab", "c") == schema.EventID("a", "bc") || schema.EventID("a") == schema.EventID("a", "") {
		t.Error("different parts gave one id")
	}
	first := schema.EventID("a", "b")
	if again := schema.EventID("a", "b"); again != first {
		t.Error("equal parts gave two ids")
	}
}

// TestTheBetterEvidenceOfAnIdentityWins, whatever arrives last.
func TestTheBetterEvidenceOfAnIdentityWins(t *testing.T) {
	t.Parallel()
	early, late := time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	order := []string{"mapping", "catalog", "sso", "email", "display name"}
	for i := range order[:len(order)-1] {
		if schema.IdentityVersion(early, order[i]) <= schema.IdentityVersion(late, order[i+1]) {
			t.Errorf("%s of %d loses to %s of %d", order[i], early.Year(), order[i+1], late.Year())
		}
		if schema.IdentityVersion(early, order[i]) >= schema.IdentityVersion(late, order[i]) {
			t.Errorf("an older %s beats a newer one", order[i])
		}
	}
}
