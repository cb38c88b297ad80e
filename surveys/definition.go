package surveys

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Kinds of a question.
const (
	KindNPS     = "nps"     // 0…10, to recommend the platform
	KindENPS    = "enps"    // 0…10, to recommend working here
	KindCSAT    = "csat"    // 1…5
	KindCES     = "ces"     // 1…7, how easy something is
	KindShare   = "share"   // a percentage, stored as 0…1
	KindComment = "comment" // free text
)

// Definition is one survey: what it asks and when.
type Definition struct {
	ID    string `yaml:"id"`
	Title string `yaml:"title"`
	// Intro stands above the questions.
	Intro string `yaml:"intro"`
	// Language of the wording, a BCP 47 tag.
	Language string `yaml:"language"`
	// OpensOnDay is the day of the quarter, from 1, on which a wave opens, and
	// OpenForDays how long it stays open; it never outlasts the quarter.
	OpensOnDay  int        `yaml:"opens_on_day"`
	OpenForDays int        `yaml:"open_for_days"`
	Questions   []Question `yaml:"questions"`
}

// Question is one question in one wording.
type Question struct {
	ID string `yaml:"id"`
	// Version changes with the wording; answers of two versions are never trended
	// together (DEFINITIONS, developer_satisfaction).
	Version  uint32 `yaml:"version"`
	Kind     string `yaml:"kind"`
	Optional bool   `yaml:"optional"`
	Text     string `yaml:"text"`
	Help     string `yaml:"help"`
	// Low and High name the ends of an nps, enps or ces scale.
	Low  string `yaml:"low"`
	High string `yaml:"high"`
	// Labels name the five steps of a csat scale, worst first.
	Labels []string `yaml:"labels"`
}

// Fingerprint is a hash of everything that the respondent reads of the question.
// The portal records it when a version is first asked, and refuses to start
// when the wording of a recorded version has changed.
func (q Question) Fingerprint() (string, error) {
	b, err := json.Marshal([]any{q.Kind, q.Text, q.Help, q.Low, q.High, q.Labels})
	if err != nil {
		return "", fmt.Errorf("hashing question %s: %w", q.ID, err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8]), nil
}

//go:embed platform.yaml
var platformYAML []byte

// Platform is the quarterly platform survey that is asked by default.
func Platform() (Definition, error) { return ParseDefinition("platform.yaml", platformYAML) }

// ParseDefinition reads a survey. It is strict: an unknown key, a wrong type or
// a value that makes no sense is an error that names the file, the line and the
// key.
func ParseDefinition(file string, data []byte) (Definition, error) {
	var d Definition
	if err := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(&d); err != nil {
		return Definition{}, fmt.Errorf("%s: %w", file, err)
	}
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		return Definition{}, fmt.Errorf("%s: %w", file, err)
	}
	var faults []error
	for _, f := range d.faults() {
		faults = append(faults, fmt.Errorf("%s:%d: %s: %s", file, lineOf(tree, f.key), f.key, f.fix))
	}
	return d, errors.Join(faults...)
}

// lineOf is the line of a key, or of the nearest key above it that exists.
func lineOf(tree *ast.File, key string) int {
	for ; key != ""; key = parentKey(key) {
		path, err := yaml.PathString("$." + key)
		if err != nil {
			return 1
		}
		if node, err := path.FilterFile(tree); err == nil && node != nil && node.GetToken() != nil {
			return node.GetToken().Position.Line
		}
	}
	return 1
}

var lastKey = regexp.MustCompile(`(\.[^.\[]+|\[\d+\])$`)

func parentKey(key string) string {
	if loc := lastKey.FindStringIndex(key); loc != nil {
		return key[:loc[0]]
	}
	return ""
}

// fault is a key of a definition that makes no sense, and how to mend it.
type fault struct{ key, fix string }

var (
	identifier = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,39}$`)
	language   = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)
)

const (
	maxWording   = 500
	quarterDays  = 92
	csatSteps    = 5
	cesSteps     = 7
	maxQuestions = 20
)

func (d Definition) faults() []fault {
	var out []fault
	need := func(ok bool, key, fix string) {
		if !ok {
			out = append(out, fault{key, fix})
		}
	}
	need(identifier.MatchString(d.ID), "id", "give a short name of lower-case letters, digits, - and _")
	need(worded(d.Title), "title", "write a title of 1 to 500 characters")
	need(len(d.Intro) <= maxWording, "intro", "keep it to 500 characters")
	need(language.MatchString(d.Language), "language", `give the language of the wording, such as "en"`)
	need(d.OpensOnDay >= 1 && d.OpensOnDay <= 90, "opens_on_day", "give a day of the quarter, 1 to 90")
	need(d.OpenForDays >= 1 && d.OpenForDays <= quarterDays, "open_for_days", "give 1 to 92 days")
	need(len(d.Questions) >= 1 && len(d.Questions) <= maxQuestions, "questions", "ask 1 to 20 questions")
	seen := map[string]bool{}
	for i, q := range d.Questions {
		at := func(key string) string { return fmt.Sprintf("questions[%d].%s", i, key) }
		need(identifier.MatchString(q.ID), at("id"), "give a short name of lower-case letters, digits, - and _")
		need(!seen[q.ID], at("id"), "another question has this id; give each its own")
		seen[q.ID] = true
		need(q.Version >= 1, at("version"), "start at 1 and raise it with every new wording")
		need(worded(q.Text), at("text"), "write a question of 1 to 500 characters")
		need(len(q.Help) <= maxWording, at("help"), "keep it to 500 characters")
		ends := q.Low != "" && q.High != ""
		none := q.Low == "" && q.High == ""
		switch q.Kind {
		case KindNPS, KindENPS, KindCES:
			need(ends, at("low"), "name both ends of the scale with low and high")
			need(len(q.Labels) == 0, at("labels"), "only csat has labels; use low and high")
		case KindCSAT:
			need(len(q.Labels) == csatSteps, at("labels"), "name the five steps, worst first")
			need(none, at("low"), "csat names its steps with labels; remove low and high")
		case KindShare, KindComment:
			need(none && len(q.Labels) == 0, at("kind"), "remove low, high and labels; this kind has no scale")
		default:
			need(false, at("kind"), "use nps, enps, csat, ces, share or comment")
		}
	}
	return out
}

func worded(s string) bool { return s != "" && len(s) <= maxWording }

// scale is the lowest and the highest step of a question of steps.
func (q Question) scale() (lowest, highest int, ok bool) {
	switch q.Kind {
	case KindNPS, KindENPS:
		return 0, 10, true
	case KindCSAT:
		return 1, csatSteps, true
	case KindCES:
		return 1, cesSteps, true
	}
	return 0, 0, false
}
