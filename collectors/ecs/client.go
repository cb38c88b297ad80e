package ecs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	api "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"golang.org/x/time/rate"

	"github.com/headway-metrics/headway/collectors"
	"github.com/headway-metrics/headway/collectors/inventory"
	"github.com/headway-metrics/headway/collectors/rest"
)

// client of an account. It does not try again by itself: the runner does, from the
// cursor.
func (s *Source) client(ctx context.Context, a Account) (*api.Client, error) {
	// It is AWS's own, since nothing else takes the authorities of AWS_CA_BUNDLE.
	options := []func(*config.LoadOptions) error{
		config.WithRegion(a.Region), config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(s.timeout)),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
	}
	if a.AccessKeyID != "" {
		options = append(options, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(a.AccessKeyID, a.AccessKeySecret.Reveal(), "")))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("finding the credentials of AWS: %w", err)
	}
	cfg.HTTPClient = paced{cfg.HTTPClient, s.pace[a.Name]}
	if a.RoleARN != "" {
		cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), a.RoleARN, func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName = "headway"
		}))
	}
	return api.NewFromConfig(cfg, func(o *api.Options) {
		if a.Endpoint != "" {
			o.BaseEndpoint = &a.Endpoint
		}
	}), nil
}

// paced lets requests wait for their turn.
type paced struct {
	aws.HTTPClient
	limiter *rate.Limiter
}

// Do implements aws.HTTPClient.
func (p paced) Do(r *http.Request) (*http.Response, error) {
	if err := p.limiter.Wait(r.Context()); err != nil {
		return nil, fmt.Errorf("waiting for a turn: %w", err)
	}
	return p.HTTPClient.Do(r)
}

// clusters are the ARNs of an account's clusters.
func clusters(ctx context.Context, c *api.Client) ([]string, error) {
	var out []string
	pages := api.NewListClustersPaginator(c, &api.ListClustersInput{})
	for pages.HasMorePages() {
		p, err := pages.NextPage(ctx)
		if err != nil {
			return nil, understood("ListClusters", err)
		}
		out = append(out, p.ClusterArns...)
	}
	return out, nil
}

// last part of an ARN or path.
func last(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

// describable is how many services are described at once: the API's bound.
const describable = 10

// services are all of a cluster that are not on their way out.
func services(ctx context.Context, c *api.Client, region, cluster string) ([]inventory.Item, error) {
	var out []inventory.Item
	pages := api.NewListServicesPaginator(c, &api.ListServicesInput{Cluster: &cluster, MaxResults: aws.Int32(describable)})
	for pages.HasMorePages() {
		p, err := pages.NextPage(ctx)
		if err != nil {
			return nil, understood("ListServices", err)
		}
		if len(p.ServiceArns) == 0 {
			continue
		}
		d, err := c.DescribeServices(ctx, &api.DescribeServicesInput{Cluster: &cluster, Services: p.ServiceArns, Include: []types.ServiceField{types.ServiceFieldTags}})
		if err != nil {
			return nil, understood("DescribeServices", err)
		}
		for _, f := range d.Failures {
			if aws.ToString(f.Reason) != "MISSING" {
				return nil, fmt.Errorf("ECS cannot describe %s: %s", aws.ToString(f.Arn), aws.ToString(f.Reason))
			}
		}
		for _, one := range d.Services {
			if aws.ToString(one.Status) == "ACTIVE" {
				out = append(out, item(one, region, last(cluster)))
			}
		}
	}
	return out, nil
}

// item is a service with its tags as labels.
func item(s types.Service, region, cluster string) inventory.Item {
	name := aws.ToString(s.ServiceName)
	labels := map[string]string{}
	for _, t := range s.Tags {
		labels[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	launch := string(s.LaunchType)
	if launch == "" {
		launch = "EC2"
		for _, p := range s.CapacityProviderStrategy {
			if strings.HasPrefix(aws.ToString(p.CapacityProvider), "FARGATE") {
				launch = "FARGATE"
			}
		}
	}
	family, _, _ := strings.Cut(last(aws.ToString(s.TaskDefinition)), ":")
	return inventory.Item{
		Kind: "Service", Name: name, Labels: labels, Annotations: map[string]string{"launch-type": launch, "task-definition": family},
		URL: "https://" + region + ".console.aws.amazon.com/ecs/v2/clusters/" + cluster + "/services/" + name,
	}
}

// understood turns an error of AWS's client into those that the runner knows.
func understood(operation string, err error) error {
	answer, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if !ok {
		return fmt.Errorf("asking for %s: %w", operation, err)
	}
	out := &rest.StatusError{Code: answer.HTTPStatusCode(), Path: operation}
	code := ""
	if said, ok := errors.AsType[smithy.APIError](err); ok {
		code = said.ErrorCode()
		out.Message = code + " " + said.ErrorMessage()
	}
	switch {
	case out.Code == http.StatusTooManyRequests, out.Code == http.StatusServiceUnavailable, strings.Contains(code, "Throttl"), code == "RequestLimitExceeded":
		return &collectors.RetryAfterError{After: rest.RetryAfter(answer.HTTPResponse().Header), Err: out}
	case out.Code/100 == 2:
		return fmt.Errorf("asking for %s: the answer is cut off or no JSON: %w", operation, err)
	}
	return out
}
