package surveys

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	tokenFormat = 1
	nonceSize   = 16
	macSize     = 16
	maxToken    = 512
)

var (
	errToken   = errors.New("this is not a link of this portal")
	errExpired = errors.New("the link has expired")
)

// keys are derived from the one secret, so that no value made for one purpose
// says anything about another.
type keys struct{ link, nonce, spent, invited, form []byte }

func deriveKeys(secret string) (keys, error) {
	var k keys
	for name, dst := range map[string]*[]byte{
		"link": &k.link, "nonce": &k.nonce, "spent": &k.spent, "invited": &k.invited, "form": &k.form,
	} {
		b, err := hkdf.Key(sha256.New, []byte(secret), nil, "headway survey "+name+" 1", sha256.Size)
		if err != nil {
			return keys{}, fmt.Errorf("deriving the survey %s key: %w", name, err)
		}
		*dst = b
	}
	return k, nil
}

// sum is an HMAC over the parts, each with its length, so that ("ab","c") and
// ("a","bc") differ.
func sum(key []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return h.Sum(nil)
}

// nonceOf is the same for one person in one wave whichever way they come and
// however often they are invited, so that a link can be issued again and still
// nobody answers twice. It is in the link only and stored nowhere.
func (k keys) nonceOf(survey, wave, person string) string {
	return string(sum(k.nonce, survey, wave, person)[:nonceSize])
}

// spentMark is what the portal remembers of a nonce that has been used.
func (k keys) spentMark(survey, wave, nonce string) string {
	return hex.EncodeToString(sum(k.spent, survey, wave, nonce)[:nonceSize])
}

// invitedID is the participation id of an invitation. It differs from wave to
// wave, so that rows of one person are not joined across waves.
func (k keys) invitedID(survey, wave, person string) string {
	return hex.EncodeToString(sum(k.invited, survey, wave, person)[:nonceSize])
}

// formToken ties a form to somebody whom the proxy has signed in, so that
// another site cannot send it in their name. It lasts as long as the wave.
func (k keys) formToken(survey, wave, nonce string) string {
	return hex.EncodeToString(sum(k.form, survey, wave, nonce)[:nonceSize])
}

// normalPerson makes the spellings of one address equal.
func normalPerson(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// link is what a token says.
type link struct {
	survey, wave, team, nonce string
	expires                   time.Time
}

// token signs a link. The layout is a format byte, the nonce, the expiry in
// Unix seconds, then survey, wave and team each behind a length byte, and the
// truncated HMAC-SHA256 of all of it, in unpadded base64url.
func (k keys) token(l link) (string, error) {
	var b bytes.Buffer
	b.WriteByte(tokenFormat)
	b.WriteString(l.nonce)
	var at [8]byte
	binary.BigEndian.PutUint64(at[:], uint64(max(l.expires.Unix(), 0)))
	b.Write(at[:])
	for _, s := range []string{l.survey, l.wave, l.team} {
		if len(s) > maxName {
			return "", fmt.Errorf("a name in a link has %d bytes, at most %d fit", len(s), maxName)
		}
		b.WriteByte(byte(len(s))) //nolint:gosec // At most maxName.
		b.WriteString(s)
	}
	b.Write(sum(k.link, b.String())[:macSize])
	return base64.RawURLEncoding.EncodeToString(b.Bytes()), nil
}

const maxName = 100

// open verifies a token, in constant time and before it reads it, and returns
// what it says. The error is errToken or errExpired and carries nothing of the
// token.
func (k keys) open(token string, now time.Time) (link, error) {
	if len(token) > maxToken {
		return link{}, errToken
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) < 1+nonceSize+8+3+macSize {
		return link{}, errToken
	}
	body, mac := raw[:len(raw)-macSize], raw[len(raw)-macSize:]
	if !hmac.Equal(mac, sum(k.link, string(body))[:macSize]) || body[0] != tokenFormat {
		return link{}, errToken
	}
	l := link{nonce: string(body[1 : 1+nonceSize])}
	rest := body[1+nonceSize:]
	l.expires = time.Unix(int64(binary.BigEndian.Uint64(rest)&(1<<62-1)), 0).UTC()
	rest = rest[8:]
	for _, dst := range []*string{&l.survey, &l.wave, &l.team} {
		if len(rest) == 0 || len(rest) < 1+int(rest[0]) {
			return link{}, errToken
		}
		*dst, rest = string(rest[1:1+int(rest[0])]), rest[1+int(rest[0]):]
	}
	if len(rest) != 0 {
		return link{}, errToken
	}
	if !now.Before(l.expires) {
		return l, errExpired
	}
	return l, nil
}
