package surveys

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func testKeys(tb testing.TB, secret string) keys {
	tb.Helper()
	k, err := deriveKeys(secret)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func TestTokenRoundTrip(t *testing.T) {
	t.Parallel()
	k, other := testKeys(t, "one"), testKeys(t, "another")
	name := rapid.StringN(0, 25, maxName)
	rapid.Check(t, func(t *rapid.T) {
		want := link{
			survey: name.Draw(t, "survey"), wave: name.Draw(t, "wave"), team: name.Draw(t, "team"),
			nonce:   string(rapid.SliceOfN(rapid.Byte(), nonceSize, nonceSize).Draw(t, "nonce")),
			expires: time.Unix(rapid.Int64Range(0, 1<<40).Draw(t, "expires"), 0).UTC(),
		}
		token, err := k.token(want)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := k.open(token, want.expires.Add(-time.Second)); err != nil || got != want {
			t.Fatalf("got %+v, %v; want %+v", got, err, want)
		}
		if _, err := k.open(token, want.expires); !errors.Is(err, errExpired) {
			t.Fatalf("at its expiry: %v", err)
		}
		if _, err := other.open(token, want.expires.Add(-time.Second)); !errors.Is(err, errToken) {
			t.Fatalf("under another key: %v", err)
		}
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			t.Fatal(err)
		}
		raw[rapid.IntRange(0, len(raw)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := k.open(base64.RawURLEncoding.EncodeToString(raw), time.Unix(0, 0)); !errors.Is(err, errToken) {
			t.Fatalf("with one bit turned: %v", err)
		}
	})
}

func TestTokenRefusesLongNames(t *testing.T) {
	t.Parallel()
	k := testKeys(t, "one")
	if _, err := k.token(link{nonce: strings.Repeat("n", nonceSize), team: strings.Repeat("t", maxName+1)}); err == nil {
		t.Error("a name that does not fit was taken")
	}
	full := strings.Repeat("t", maxName)
	token, err := k.token(link{nonce: strings.Repeat("n", nonceSize), survey: full, wave: full, team: full})
	if err != nil || len(token) > maxToken {
		t.Errorf("the longest token has %d characters, %v", len(token), err)
	}
}

func TestPurposesHaveKeysOfTheirOwn(t *testing.T) {
	t.Parallel()
	k := testKeys(t, "one")
	seen := map[string]bool{}
	for _, v := range []string{
		k.spentMark("s", "w", "p"), k.invitedID("s", "w", "p"), k.formToken("s", "w", "p"),
		k.invitedID("s", "w2", "p"), k.invitedID("sw", "", "p"), k.invitedID("s2", "w", "p"),
	} {
		if seen[v] {
			t.Error("two purposes give one value")
		}
		seen[v] = true
	}
}

func FuzzOpenToken(f *testing.F) {
	k := testKeys(f, "one")
	good, err := k.token(link{survey: "platform", wave: "2026-Q4", team: "payments", nonce: strings.Repeat("n", nonceSize), expires: midNovember})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{good, "", "A", good[:20], good + "A", strings.Repeat("_", maxToken), "ä"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := k.open(token, midNovember.Add(-time.Hour)); err == nil && token != good {
			t.Errorf("a token that nobody signed was taken: %q", token)
		} else if err != nil && !errors.Is(err, errToken) {
			t.Errorf("error %v", err)
		}
	})
}

// FuzzSignedToken reads what is signed but no token of ours.
func FuzzSignedToken(f *testing.F) {
	k := testKeys(f, "one")
	f.Add([]byte{tokenFormat})
	f.Add(append([]byte{tokenFormat}, make([]byte, nonceSize+11)...))
	f.Add(append([]byte{tokenFormat}, []byte(strings.Repeat("\xff", nonceSize+20))...))
	f.Fuzz(func(t *testing.T, body []byte) {
		raw := append(body, sum(k.link, string(body))[:macSize]...) //nolint:gocritic // A new slice is wanted.
		l, err := k.open(base64.RawURLEncoding.EncodeToString(raw), time.Unix(0, 0))
		if err == nil && len(l.nonce) != nonceSize {
			t.Errorf("a nonce of %d bytes", len(l.nonce))
		}
	})
}
