package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// overview opens what is not about a topic or a group.
func (c *console) overview(ctx context.Context) {
	c.page("overview", func() { c.health(ctx) })
	c.page("which pages there are", func() { c.endpoints(ctx) })
	c.page("brokers", func() { c.sizes(ctx, c.mixed) })
	c.page("broker: configs", func() { c.brokerConfigs(ctx) })
	c.page("security: acls", func() { c.noACLs(ctx) })
	c.page("security: users", func() { equal(len(got(c.admin.DescribeUserSCRAMs(ctx))), 0, "users") })
	c.page("security: create and delete a user", func() { c.user(ctx) })
	c.page("quotas", func() {
		answer := got(kmsg.NewPtrDescribeClientQuotasRequest().RequestWith(ctx, c.client))
		code(answer.ErrorCode)
		for _, entry := range answer.Entries {
			check(entry.Entity[0].Name != nil && !c.stays(*entry.Entity[0].Name), "a quota for %v", entry.Entity)
		}
	})
	c.page("reassign partitions", func() {
		answer := got(kmsg.NewPtrListPartitionReassignmentsRequest().RequestWith(ctx, c.client))
		code(answer.ErrorCode)
		equal(len(answer.Topics), 0, "reassignments")
	})
	c.page("reassign partitions: start", func() {
		var wanted kadm.AlterPartitionAssignmentsReq
		wanted.Assign(c.empty, 0, []int32{c.broker(ctx).NodeID})
		got(c.admin.AlterPartitionAssignments(ctx, wanted)).Each(func(r kadm.AlterPartitionAssignmentsResponse) { must(r.Err) })
	})
}

func (c *console) broker(ctx context.Context) kadm.BrokerDetail {
	metadata := got(c.admin.Metadata(ctx))
	equal(len(metadata.Brokers), 1, "brokers")
	equal(metadata.Controller, metadata.Brokers[0].NodeID, "controller")
	equal(fmt.Sprintf("%s:%d", metadata.Brokers[0].Host, metadata.Brokers[0].Port), c.address, "address")
	check(metadata.Cluster != "", "no cluster id")
	return metadata.Brokers[0]
}

// health is healthy: every partition has its leader and all of its replicas.
func (c *console) health(ctx context.Context) {
	id := c.broker(ctx).NodeID
	metadata := got(c.admin.Metadata(ctx))
	check(metadata.Topics.Has(c.mixed) && metadata.Topics.Has(c.compacted) && metadata.Topics.Has(c.empty), "topics")
	metadata.Topics.EachPartition(func(p kadm.PartitionDetail) {
		if c.stays(p.Topic) {
			must(p.Err)
			equal([]any{p.Leader, p.ISR, len(p.OfflineReplicas)}, []any{id, p.Replicas, 0}, "a partition")
		}
	})
	for _, versions := range got(c.admin.ApiVersions(ctx)) {
		must(versions.Err)
		check(versions.VersionGuess() != "", "no guess at the version")
	}
	c.noACLs(ctx)
}

// endpoints are those that Console shows: each needs APIs. The last two are buttons, and pages of their own here.
func (c *console) endpoints(ctx context.Context) {
	needed := []kmsg.Request{
		&kmsg.DescribeConfigsRequest{}, &kmsg.DescribeGroupsRequest{}, &kmsg.ListGroupsRequest{},
		&kmsg.DeleteRecordsRequest{}, &kmsg.OffsetCommitRequest{}, &kmsg.DeleteGroupsRequest{}, &kmsg.OffsetDeleteRequest{},
		&kmsg.ListPartitionReassignmentsRequest{}, &kmsg.IncrementalAlterConfigsRequest{},
		&kmsg.DescribeClientQuotasRequest{}, &kmsg.DescribeUserSCRAMCredentialsRequest{},
	}
	for _, versions := range got(c.admin.ApiVersions(ctx)) {
		for _, request := range needed {
			_, _, served := versions.KeyVersions(request.Key())
			check(served, "API %s is not listed", kmsg.NameForKey(request.Key()))
		}
	}
}

func (c *console) sizes(ctx context.Context, topic string) {
	broker := c.broker(ctx)
	found := map[int32]int64{}
	total := int64(0)
	got(c.admin.DescribeAllLogDirs(ctx, nil)).Each(func(dir kadm.DescribedLogDir) {
		must(dir.Err)
		equal(dir.Broker, broker.NodeID, "broker of the directory")
		total += dir.Size()
		for partition, p := range dir.Topics[topic] {
			found[partition] = p.Size
			check(!p.IsFuture && p.OffsetLag == 0, "partition %v", p)
		}
	})
	equal(len(found), partitions, "partitions")
	sum := int64(0)
	for _, size := range found {
		check(size > 0, "sizes %v", found)
		sum += size
	}
	check(total >= sum, "the directory has %d, its partitions %d", total, sum)
}

// configs describes with synonyms and texts, as Console always does.
func (c *console) configs(ctx context.Context, kind kmsg.ConfigResourceType, names, settings []string) *kmsg.DescribeConfigsResponse {
	request := kmsg.NewPtrDescribeConfigsRequest()
	request.IncludeSynonyms, request.IncludeDocumentation = true, true
	for _, name := range names {
		request.Resources = append(request.Resources,
			kmsg.DescribeConfigsRequestResource{ResourceType: kind, ResourceName: name, ConfigNames: settings})
	}
	answer := got(request.RequestWith(ctx, c.client))
	equal(len(answer.Resources), len(names), "resources")
	for _, resource := range answer.Resources {
		code(resource.ErrorCode)
		for _, config := range resource.Configs {
			check(config.Documentation != nil && config.ConfigType != kmsg.ConfigTypeUnknown, "no text or type of %s", config.Name)
		}
	}
	return answer
}

// shows checks one setting: its value, where it comes from, and its synonyms.
func shows(of kmsg.DescribeConfigsResponseResource, name, value string, source kmsg.ConfigSource, synonyms ...string) {
	at := slices.IndexFunc(of.Configs, func(c kmsg.DescribeConfigsResponseResourceConfig) bool { return c.Name == name })
	check(at >= 0, "no %s", name)
	config := of.Configs[at]
	check(config.Value != nil, "%s is null", name)
	equal([]any{*config.Value, config.Source}, []any{value, source}, name)
	var found []string
	for _, s := range config.ConfigSynonyms {
		found = append(found, fmt.Sprintf("%s=%s %s", s.Name, *s.Value, s.Source))
	}
	equal(found, synonyms, "synonyms of "+name)
}

func (c *console) brokerConfigs(ctx context.Context) {
	id := fmt.Sprint(c.broker(ctx).NodeID)
	answer := c.configs(ctx, kmsg.ConfigResourceTypeBroker, []string{id}, nil)
	check(len(answer.Resources[0].Configs) > 200, "only %d settings", len(answer.Resources[0].Configs))
	shows(answer.Resources[0], "num.io.threads", "8", kmsg.ConfigSourceDefaultConfig, "num.io.threads=8 DEFAULT_CONFIG")
	shows(answer.Resources[0], "log.retention.hours", "168", kmsg.ConfigSourceDefaultConfig,
		"log.retention.hours=168 DEFAULT_CONFIG")
}

// noACLs: Console takes exactly this error for "there is no authorizer".
func (c *console) noACLs(ctx context.Context) {
	request := kmsg.NewPtrDescribeACLsRequest()
	request.ResourceType, request.ResourcePatternType = kmsg.ACLResourceTypeAny, kmsg.ACLResourcePatternTypeAny
	request.Operation, request.PermissionType = kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
	answer := got(request.RequestWith(ctx, c.client))
	check(errors.Is(kerr.ErrorForCode(answer.ErrorCode), kerr.SecurityDisabled), "error %d", answer.ErrorCode)
	equal(*answer.ErrorMessage, "No Authorizer is configured on the broker", "message")
	equal(len(answer.Resources), 0, "acls")
}

func (c *console) user(ctx context.Context) {
	user := c.prefix + "-user"
	made := got(c.admin.AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{{
		User: user, Mechanism: kadm.ScramSha256, Iterations: 4096, Password: "secret",
	}}))
	must(made.Error())
	again(func() { equal(len(got(c.admin.DescribeUserSCRAMs(ctx, user))[user].CredInfos), 1, "credentials") })
	must(got(c.admin.AlterUserSCRAMs(ctx, []kadm.DeleteSCRAM{{User: user, Mechanism: kadm.ScramSha256}}, nil)).Error())
}
