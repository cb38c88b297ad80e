package ecs

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/time/rate"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/collectortest"
	"github.com/headway-metrics/headway/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const accessSecret = "hunter2"

func valid() Config {
	c := *Entry().Config().(*Config)
	c.Accounts = []Account{{Name: "prod-eu", Region: "eu-west-1", Environment: "production", AccessKeyID: "AKIDEXAMPLE", AccessKeySecret: accessSecret}}
	c.OnPlatform = []string{"label:platform=paved-road"}
	return c
}

func newSource(tb testing.TB, change ...func(*Config)) *Source {
	tb.Helper()
	cfg := valid()
	for _, c := range change {
		c(&cfg)
	}
	s, err := New(cfg, collectors.Deps{})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestTestdata(t *testing.T) {
	t.Parallel()
	collectortest.CheckTestdata(t, newSource(t), nil, "testdata")
}

func FuzzNormalize(f *testing.F) { collectortest.Fuzz(f, newSource(f), "testdata") }

// service of the fake.
type service struct {
	status, launch, provider string
	tags                     map[string]string
}

// server is ECS for one region, written by hand after the API reference of ListClusters,
// ListServices and DescribeServices (protocol: AWS JSON 1.1).
type server struct {
	*collectortest.API
	// clusters by name, and then services by name.
	clusters map[string]map[string]service
	// throttle answers an operation as ECS does when there are too many requests.
	throttle string
	// denied is an operation that the policy does not allow.
	denied string
	// vanish deletes a service after it was listed.
	vanish string
	// failure is the reason of a failure that DescribeServices answers.
	failure string
	// operations that were asked for.
	operations []string
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{clusters: map[string]map[string]service{"shop": {}, "tools": {}}}
	for i := range 23 {
		s.clusters["shop"][fmt.Sprintf("web-%02d", i)] = service{"ACTIVE", "FARGATE", "", map[string]string{"service": "web", "team": "red", "platform": "paved-road"}}
	}
	s.clusters["tools"]["spot"] = service{"ACTIVE", "", "FARGATE_SPOT", nil}
	s.clusters["tools"]["box"] = service{"ACTIVE", "", "my-asg", nil}
	s.clusters["tools"]["leaving"] = service{"DRAINING", "EC2", "", nil}
	s.API = collectortest.NewAPI(t, s.serve)
	return s
}

// refuse as the protocol does: every error of the sender is a 400.
func refuse(w http.ResponseWriter, kind string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]any{"__type": kind, "message": "no"})
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonEC2ContainerServiceV20141113.")
	s.operations = append(s.operations, operation)
	var in struct {
		Cluster    string
		MaxResults int
		NextToken  string
		Services   []string
		Include    []string
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		refuse(w, "SerializationException")
		return
	}
	switch {
	case !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"):
		refuse(w, "UnrecognizedClientException")
		return
	case !strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/ecs/aws4_request"):
		refuse(w, "InvalidSignatureException")
		return
	case operation == s.throttle:
		w.Header().Set("Retry-After", "17")
		refuse(w, "ThrottlingException")
		return
	case operation == s.denied:
		refuse(w, "AccessDeniedException")
		return
	}
	const arn = "arn:aws:ecs:eu-west-1:123456789012:"
	cluster := last(in.Cluster)
	out := map[string]any{}
	page := func(names []string, prefix string, limit int) (arns []string) {
		from, _ := slices.BinarySearch(names, in.NextToken)
		to := min(from+limit, len(names))
		if to < len(names) {
			out["nextToken"] = names[to]
		}
		for _, n := range names[from:to] {
			arns = append(arns, arn+prefix+n)
		}
		return arns
	}
	switch operation {
	case "ListClusters":
		out["clusterArns"] = page(slices.Sorted(maps.Keys(s.clusters)), "cluster/", 1)
	case "ListServices":
		out["serviceArns"] = page(slices.Sorted(maps.Keys(s.clusters[cluster])), "service/"+cluster+"/", min(in.MaxResults, 100))
		delete(s.clusters[cluster], s.vanish)
	case "DescribeServices":
		if len(in.Services) > describable {
			refuse(w, "InvalidParameterException")
			return
		}
		s.describe(out, cluster, in.Services, slices.Contains(in.Include, "TAGS"))
	default:
		refuse(w, "UnknownOperationException")
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(out)
}

func (s *server) describe(out map[string]any, cluster string, arns []string, withTags bool) {
	var list, failures []any
	for _, a := range arns {
		one, ok := s.clusters[cluster][last(a)]
		if !ok || s.failure != "" {
			reason := s.failure
			if reason == "" {
				reason = "MISSING"
			}
			failures = append(failures, map[string]any{"arn": a, "reason": reason})
			continue
		}
		o := map[string]any{"serviceArn": a, "serviceName": last(a), "status": one.status, "taskDefinition": "arn:aws:ecs:eu-west-1:123456789012:task-definition/" + last(a) + ":7"}
		if one.launch != "" {
			o["launchType"] = one.launch
		}
		if one.provider != "" {
			o["capacityProviderStrategy"] = []any{map[string]any{"capacityProvider": one.provider, "weight": 1, "base": 0}}
		}
		var tags []any
		for _, k := range slices.Sorted(maps.Keys(one.tags)) {
			tags = append(tags, map[string]string{"key": k, "value": one.tags[k]})
		}
		if withTags {
			o["tags"] = tags
		}
		list = append(list, o)
	}
	out["services"], out["failures"] = list, failures
}

var now = time.Date(2026, 6, 1, 9, 0, 0, 0, time.UTC)

func (s *server) source(t *testing.T) *Source {
	t.Helper()
	src := newSource(t, func(c *Config) { c.Accounts[0].Endpoint = s.URL })
	for name := range src.pace {
		src.pace[name] = rate.NewLimiter(rate.Inf, 1)
	}
	src.now = func() time.Time { return now }
	return src
}

func (s *server) poll(t *testing.T, at time.Time, cursor collectors.Cursor) (collectors.Cursor, []schema.Event, error) {
	t.Helper()
	src := s.source(t)
	src.now = func() time.Time { return at }
	var p collectortest.Publisher
	next, err := src.Poll(t.Context(), cursor, p.Publish)
	return next, p.Events(), err
}

func workloads(t *testing.T, src *Source, events []schema.Event) map[string]*schema.Workload {
	t.Helper()
	out := map[string]*schema.Workload{}
	for _, ev := range events {
		facts, err := src.Normalize(ev)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range facts {
			out[f.(*schema.Workload).Name] = f.(*schema.Workload)
		}
	}
	return out
}

func TestPollContract(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	events := collectortest.CheckPoller(t, func() collectors.Poller { return s.source(t) })
	all := workloads(t, s.source(t), events)
	if len(events) != 2 || len(all) != 23+2 {
		t.Errorf("%d events, %d workloads", len(events), len(all))
	}
	w := all["web-22"]
	if w.Cluster != "prod-eu/shop" || w.ServiceRef != "web" || w.TeamRef != "red" || w.OnPlatform != schema.OnPlatformYes || w.Tier != schema.TierProduction ||
		w.URL != "https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/shop/services/web-22" {
		t.Errorf("workload %+v", w)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	collectortest.CheckFailures(t, s.API, accessSecret, func() collectors.Poller { return s.source(t) })
	collectortest.CheckResumes(t, s.API, 9, func() collectors.Poller { return s.source(t) })
}

func TestASnapshotIsWhole(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.failure = "ACCESS_DENIED"
	cursor, events, err := s.poll(t, now, nil)
	if err == nil || len(events) > 0 || !strings.Contains(err.Error(), "ACCESS_DENIED") {
		t.Fatalf("%d events of a cluster that was not described (%v)", len(events), err)
	}
	s.Change(func() { s.failure = "" })
	cursor, events, err = s.poll(t, now, cursor)
	if err != nil || len(events) != 2 {
		t.Fatalf("%d events (%v)", len(events), err)
	}
	if cursor, events, err = s.poll(t, now.Add(14*time.Hour), cursor); err != nil || len(events) != 0 {
		t.Errorf("%d events on the same day (%v)", len(events), err)
	}
	s.Change(func() { delete(s.clusters, "tools") })
	if cursor, events, err = s.poll(t, now.Add(15*time.Hour), cursor); err != nil || len(events) != 1 || strings.Contains(string(cursor), "tools") {
		t.Errorf("%d events on the next day, cursor %s (%v)", len(events), cursor, err)
	}
}

func TestAServiceThatIsMissingWasDeleted(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.vanish = "web-03"
	_, events, err := s.poll(t, now, nil)
	if all := workloads(t, s.source(t), events); err != nil || all["web-03"] != nil || len(all) != 22+2 {
		t.Errorf("%d workloads (%v)", len(all), err)
	}
}

func TestAServiceThatDrainsIsLeftOutAndACapacityProviderTellsTheLaunchType(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	_, events, err := s.poll(t, now, nil)
	if err != nil || workloads(t, s.source(t), events)["leaving"] != nil {
		t.Errorf("the one that drains is there (%v)", err)
	}
	for _, want := range []string{`"name":"box","annotations":{"launch-type":"EC2"`, `"name":"spot","annotations":{"launch-type":"FARGATE"`} {
		if !strings.Contains(string(events[1].Data), want) {
			t.Errorf("the event lacks %s: %s", want, events[1].Data)
		}
	}
}

func TestThrottlingIsPatience(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.throttle = "DescribeServices"
	_, _, err := s.poll(t, now, nil)
	if later, ok := errors.AsType[*collectors.RetryAfterError](err); !ok || later.After != 17*time.Second {
		t.Errorf("error is %v", err)
	}
	if s.operations = slices.Compact(s.operations); len(s.operations) != 3 {
		t.Errorf("it insists: %q", s.operations)
	}
	// Requests are spread from the beginning.
	if p := newSource(t).pace["prod-eu"]; p.Limit() != perSecond || p.Burst() != atOnce {
		t.Errorf("pace %v and %d", p.Limit(), p.Burst())
	}
}

// TestARoleIsAssumed: STS is asked with the access key, and ECS with what it gives.
func TestARoleIsAssumed(t *testing.T) {
	var asked string
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		asked = r.Form.Get("Action") + " " + r.Form.Get("RoleArn") + " " + r.Form.Get("RoleSessionName")
		// Written by hand after https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html.
		_, _ = w.Write([]byte(`<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
			<AccessKeyId>AKIDEXAMPLE</AccessKeyId><SecretAccessKey>x</SecretAccessKey><SessionToken>y</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>
			</Credentials></AssumeRoleResult></AssumeRoleResponse>`))
	}))
	defer sts.Close()
	t.Setenv("AWS_ENDPOINT_URL_STS", sts.URL)
	s := newServer(t)
	src := s.source(t)
	src.cfg.Accounts[0].RoleARN, src.cfg.Accounts[0].AccessKeyID = "arn:aws:iam::123456789012:role/headway", "AKIDOTHER"
	var p collectortest.Publisher
	if _, err := src.Poll(t.Context(), nil, p.Publish); err != nil || len(p.Events()) != 2 {
		t.Errorf("%d events (%v)", len(p.Events()), err)
	}
	if asked != "AssumeRole arn:aws:iam::123456789012:role/headway headway" {
		t.Errorf("STS is asked %q", asked)
	}
}

func TestTrial(t *testing.T) {
	t.Parallel()
	const list, read = "account prod-eu: permission ecs:ListClusters", "account prod-eu: permissions ecs:ListServices and ecs:DescribeServices"
	for name, c := range map[string]struct {
		change func(*server)
		failed []string
		sample bool
	}{
		"good":            {func(*server) {}, nil, true},
		"may not list":    {func(s *server) { s.denied = "ListClusters" }, []string{list}, false},
		"may not read":    {func(s *server) { s.denied = "DescribeServices" }, []string{read}, false},
		"no cluster":      {func(s *server) { s.clusters = nil }, []string{list}, false},
		"nothing running": {func(s *server) { s.clusters = map[string]map[string]service{"a": {}, "b": {}} }, []string{read}, false},
		"first is empty":  {func(s *server) { s.clusters["a"] = nil }, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			c.change(s)
			trial := collectortest.Try(t, s.ServeHTTP, func(string) collectors.Source { return s.source(t) }, c.failed...)
			if (trial.Sample != nil) != c.sample {
				t.Errorf("sample %v", trial.Sample)
			}
		})
	}
}

func TestConfigNamesKeyAndFix(t *testing.T) {
	t.Parallel()
	collectortest.CheckConfig(t, valid, Config.Validate, map[string]struct {
		Change func(*Config)
		Want   string
	}{
		"accounts":    {func(c *Config) { c.Accounts = nil }, "accounts is missing"},
		"name":        {func(c *Config) { c.Accounts[0].Name = "a/b" }, `accounts[0].name is "a/b"`},
		"twice":       {func(c *Config) { c.Accounts = append(c.Accounts, c.Accounts[0]) }, `accounts[1].name "prod-eu" is there twice`},
		"region":      {func(c *Config) { c.Accounts[0].Region = "Ireland" }, `accounts[0].region is "Ireland"`},
		"role":        {func(c *Config) { c.Accounts[0].RoleARN = "headway" }, `accounts[0].role_arn is "headway"`},
		"key":         {func(c *Config) { c.Accounts[0].AccessKeyID = "" }, "accounts[0].access_key_id needs"},
		"endpoint":    {func(c *Config) { c.Accounts[0].Endpoint = "x" }, "accounts[0].endpoint is no address"},
		"environment": {func(c *Config) { c.Accounts[0].Environment = "" }, "accounts[0].environment is missing"},
		"rules":       {func(c *Config) { c.Team = []string{"tag:x"} }, `team[0] is "tag:x"`},
		"interval":    {func(c *Config) { c.Interval = 1 }, "interval is 1ns"},
	})
	c := valid()
	c.Accounts[0].Environment, c.Environment, c.Accounts[0].Region = "", []string{"label:env"}, "us-gov-west-1"
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

// TestThePolicyIsWhatIsAskedFor: the policy of the README allows the operations that a
// poll asks for, and no other.
func TestThePolicyIsWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	if _, _, err := s.poll(t, now, nil); err != nil {
		t.Fatal(err)
	}
	asked := map[string]bool{}
	for _, o := range s.operations {
		asked["ecs:"+o] = true
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```json\n(.*?)```").FindSubmatch(readme)
	var policy struct {
		Statement []struct{ Action []string }
	}
	if block == nil || json.Unmarshal(block[1], &policy) != nil || len(policy.Statement) != 1 {
		t.Fatalf("README.md holds no policy: %s", block)
	}
	if got, want := slices.Sorted(slices.Values(policy.Statement[0].Action)), slices.Sorted(maps.Keys(asked)); !slices.Equal(got, want) {
		t.Errorf("the policy allows %q, asked is for %q", got, want)
	}
}
