package derive

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestListsSurviveAsTexts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(rapid.StringMatching(`[^\x00]{0,5}`)).Draw(t, "list")
		var text strings.Builder
		for _, s := range want { // As the statements do it.
			text.WriteString(s + "\x00")
		}
		if got := ofText(text.String()); !slices.Equal(got, want) {
			t.Fatalf("%q became %q", want, got)
		}
	})
}
