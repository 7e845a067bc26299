// A member of a group with franz-go.
package main

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"barnabas.test/clients/group"
)

const (
	pollTime   = 200 * time.Millisecond
	commitTime = 5 * time.Second
)

var balancers = map[string]kgo.GroupBalancer{
	"range": kgo.RangeBalancer(), "roundrobin": kgo.RoundRobinBalancer(), "sticky": kgo.StickyBalancer(),
	"cooperative-sticky": kgo.CooperativeStickyBalancer(), "uniform": kgo.StickyBalancer(),
}

type member struct {
	job    *group.Job
	log    *group.Log
	client *kgo.Client
}

func (m *member) options() []kgo.Opt {
	whole := m.job.Protocol == "classic" && m.job.Assignor != "cooperative-sticky"
	topic := m.job.Topic
	opts := []kgo.Opt{
		kgo.SeedBrokers(m.job.Bootstrap),
		kgo.ConsumerGroup(m.job.Group),
		kgo.ConsumeTopics(topic),
		kgo.Balancers(balancers[m.job.Assignor]),
		kgo.SessionTimeout(m.job.Session),
		kgo.HeartbeatInterval(m.job.Heartbeat),
		kgo.RebalanceTimeout(m.job.MaxPoll),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxWait(100 * time.Millisecond),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(func(_ context.Context, c *kgo.Client, parts map[string][]int32) {
			id, generation := c.GroupMetadata()
			m.log.Assigned(generation, id, parts[topic], whole)
		}),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, parts map[string][]int32) {
			m.log.Gone("revoked", parts[topic])
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, parts map[string][]int32) {
			m.log.Gone("lost", parts[topic])
		}),
	}
	if m.job.Instance != "" {
		opts = append(opts, kgo.InstanceID(m.job.Instance))
	}
	if m.job.Protocol == "consumer" {
		opts = append(opts, kgo.ServerSideBalancer())
	}
	return opts
}

func (m *member) poll() {
	ctx, cancel := context.WithTimeout(context.Background(), pollTime)
	defer cancel()
	fetches := m.client.PollFetches(ctx)
	fetches.EachPartition(func(part kgo.FetchTopicPartition) {
		if errors.Is(part.Err, kerr.FencedInstanceID) || errors.Is(part.Err, kerr.UnreleasedInstanceID) {
			m.log.Fatal(part.Err)
		}
		if part.Err != nil {
			if !errors.Is(part.Err, context.DeadlineExceeded) {
				m.log.Say("error", part.Err.Error())
			}
			return
		}
		if n := len(part.Records); n > 0 {
			m.log.Read(part.Partition, part.Records[0].Offset, part.Records[n-1].Offset, n)
		}
	})
}

func (m *member) commit() {
	offsets := m.log.Take()
	if len(offsets) == 0 {
		return
	}
	wanted := map[int32]kgo.EpochOffset{}
	for p, o := range offsets {
		wanted[p] = kgo.EpochOffset{Epoch: -1, Offset: o}
	}
	ctx, cancel := context.WithTimeout(context.Background(), commitTime)
	defer cancel()
	var failure error
	report := func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, answer *kmsg.OffsetCommitResponse, err error) {
		failure = err
		if err != nil {
			return
		}
		for _, topic := range answer.Topics {
			for _, part := range topic.Partitions {
				if err := kerr.ErrorForCode(part.ErrorCode); err != nil {
					failure = err
				}
			}
		}
	}
	m.client.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{m.job.Topic: wanted}, report)
	m.log.Done(offsets, failure)
}

func main() {
	m := &member{job: group.Parse(), log: group.NewLog()}
	quit := group.Quit()
	m.log.Say("start", "")
	client, err := kgo.NewClient(m.options()...)
	if err != nil {
		m.log.Say("error", err.Error())
		return
	}
	m.client = client
	for running := true; running; {
		m.poll()
		m.commit()
		m.client.AllowRebalance()
		select {
		case <-quit:
			running = false
		default:
		}
	}
	m.client.CloseAllowingRebalance()
	m.log.Say("end", "")
}
