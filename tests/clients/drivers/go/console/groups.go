package main

import (
	"context"
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// groups opens the list of consumer groups and all that is about one.
func (c *console) groups(ctx context.Context) {
	c.page("consumer groups", func() { c.groupList(ctx) })
	c.page("consumer group: lag", func() { equal(c.lags(ctx, c.behind)[c.behind], lag(), "lag") })
	c.page("consumer group: members", func() { c.groupMembers(ctx) })
	c.page("consumer group: edit offsets", func() { c.edit(ctx) })
	c.page("consumer group: delete offsets, delete", func() { c.deleted(ctx) })
}

// lags are of each group that committed something for `mixed`.
func (c *console) lags(ctx context.Context, groups ...string) map[string]int64 {
	fetched := c.admin.FetchManyOffsets(ctx, groups...)
	metadata := got(c.admin.Metadata(ctx, fetched.CommittedPartitions().Topics()...))
	ends := got(c.admin.ListEndOffsets(ctx, metadata.Topics.Names()...))
	found := map[string]int64{}
	for group, answer := range fetched {
		must(answer.Err)
		for p, at := range answer.Fetched[c.mixed] {
			must(at.Err)
			found[group] += ends[c.mixed][p].Offset - at.At
		}
	}
	return found
}

func (c *console) groupNames(ctx context.Context) []string {
	wanted := c.await(ctx)
	var names []string
	for _, group := range got(c.admin.ListGroups(ctx)) {
		if slices.Contains(wanted, group.Group) {
			names = append(names, group.Group)
		}
	}
	slices.Sort(names)
	equal(names, wanted, "groups")
	return names
}

func (c *console) consumers(ctx context.Context) {
	names := c.groupNames(ctx)
	equal(c.lags(ctx, names...), map[string]int64{c.behind: lag(), c.members[0].group: 0, c.members[1].group: 0}, "lags")
}

// groupList describes all with the classic protocol's call alone; Kafka knows groups of the other one only by their names then.
func (c *console) groupList(ctx context.Context) {
	c.consumers(ctx)
	request := kmsg.NewPtrDescribeGroupsRequest()
	request.Groups = c.groupNames(ctx)
	states, types := map[string]string{}, map[string]string{}
	for _, group := range got(request.RequestWith(ctx, c.client)).Groups {
		states[group.Group], types[group.Group] = group.State, group.ProtocolType
		if group.Group == c.members[1].group {
			check(errors.Is(kerr.ErrorForCode(group.ErrorCode), kerr.GroupIDNotFound), "error %d", group.ErrorCode)
			continue
		}
		code(group.ErrorCode)
	}
	equal(states, map[string]string{c.behind: "Empty", c.members[0].group: "Stable", c.members[1].group: "Dead"}, "states")
	equal(types, map[string]string{c.behind: "", c.members[0].group: "consumer", c.members[1].group: ""}, "protocol types")
}

func (c *console) groupMembers(ctx context.Context) {
	c.await(ctx)
	name := c.members[0].group
	group := got(c.admin.DescribeGroups(ctx, name))[name]
	must(group.Err)
	equal([]any{group.State, group.Protocol, len(group.Members)}, []any{"Stable", "range", 1}, "group")
	equal(group.Coordinator.NodeID, c.broker(ctx).NodeID, "coordinator")
	member := group.Members[0]
	equal(member.ClientID, name+"-member", "client")
	check(member.ClientHost == "/127.0.0.1", "host %s", member.ClientHost)
	assigned, ok := member.Assigned.AsConsumer()
	check(ok && len(assigned.Topics) == 1, "assignment %v", assigned)
	parts := slices.Sorted(slices.Values(assigned.Topics[0].Partitions))
	equal([]any{assigned.Topics[0].Topic, parts}, []any{c.mixed, []int32{0, 1, 2}}, "assignment")
}

// edit moves a group that is empty to the end, or to the start.
func (c *console) edit(ctx context.Context) {
	group := c.prefix + "-edited"
	must(c.admin.CommitAllOffsets(ctx, group, c.offsets(c.mixed, committed)))
	equal(got(c.admin.DescribeGroups(ctx, group))[group].State, "Empty", "state")
	for _, listed := range []kadm.ListedOffsets{got(c.admin.ListEndOffsets(ctx, c.mixed)), got(c.admin.ListStartOffsets(ctx, c.mixed))} {
		must(c.admin.CommitAllOffsets(ctx, group, listed.Offsets()))
		for p, at := range got(c.admin.FetchOffsets(ctx, group))[c.mixed] {
			equal(at.At, listed[c.mixed][p].Offset, "offset")
		}
	}
	equal(c.lags(ctx, group)[group], partitions*end, "lag")
	must(got(c.admin.DeleteGroup(ctx, group)).Err)
}

func (c *console) deleted(ctx context.Context) {
	group := c.prefix + "-deleted"
	must(c.admin.CommitAllOffsets(ctx, group, c.offsets(c.mixed, committed)))
	var some kadm.TopicsSet
	some.Add(c.mixed, 0, 1)
	must(got(c.admin.DeleteOffsets(ctx, group, some)).Error())
	equal(len(got(c.admin.FetchOffsets(ctx, group))[c.mixed]), 1, "offsets left")
	must(got(c.admin.DeleteGroup(ctx, group)).Err)
	names := got(c.admin.ListGroups(ctx))
	_, there := names[group]
	check(!there, "still there")
	_, err := c.admin.DeleteGroup(ctx, c.members[0].group)
	check(errors.Is(err, kerr.NonEmptyGroup), "a group with members: %v", err)
}
