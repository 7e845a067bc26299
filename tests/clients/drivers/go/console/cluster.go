package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	partitions = 3
	each       = 10
)

var codecs = []kgo.CompressionCodec{
	kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
}

// end is that of every partition of `mixed`.
var end = int64(len(codecs) * each)

// cluster is what the pages are opened on: a topic with a batch of every codec, headers and tombstones in each of its
// partitions, a compacted one, an empty one, a group without members that is behind, one with a member of each protocol.
type cluster struct {
	address, prefix, mixed, compacted, empty, behind string

	members []*member
	start   time.Time
}

func newCluster(ctx context.Context, address, prefix string, client *kgo.Client) *cluster {
	c := &cluster{
		address: address, prefix: prefix, mixed: prefix + "-mixed", compacted: prefix + "-compacted",
		empty: prefix + "-empty", behind: prefix + "-behind",
		start: time.Now().Add(-time.Hour).Truncate(time.Millisecond),
	}
	admin := kadm.NewClient(client)
	c.create(ctx, admin, c.mixed, nil)
	c.create(ctx, admin, c.compacted, map[string]*string{"cleanup.policy": kadm.StringPtr("compact")})
	c.create(ctx, admin, c.empty, nil)
	c.members = []*member{c.join("classic", kgo.Balancers(kgo.RangeBalancer())), c.join("modern", kgo.ServerSideBalancer())}
	for i := range codecs {
		c.fill(ctx, c.mixed, i, int64(i*each))
	}
	c.fill(ctx, c.compacted, 3, 0)
	must(admin.CommitAllOffsets(ctx, c.behind, c.offsets(c.mixed, committed)))
	return c
}

// committed is how far `behind` has come.
func committed(partition int32) int64 { return 10 * int64(partition+1) }

// lag is how far it is behind in all.
func lag() (sum int64) {
	for p := range int32(partitions) {
		sum += end - committed(p)
	}
	return sum
}

func (c *cluster) offsets(topic string, at func(int32) int64) kadm.Offsets {
	offsets := kadm.Offsets{}
	for p := range int32(partitions) {
		offsets.AddOffset(topic, p, at(p), -1)
	}
	return offsets
}

func (c *cluster) create(ctx context.Context, admin *kadm.Client, topic string, settings map[string]*string) {
	got(admin.CreateTopic(ctx, partitions, 1, settings, topic))
	again(func() {
		detail := got(admin.Metadata(ctx, topic)).Topics[topic]
		must(detail.Err)
		equal(len(detail.Partitions), partitions, "partitions")
		for _, p := range detail.Partitions {
			must(p.Err)
		}
	})
}

// own is a topic of the page's own, with ten records in each partition.
func (c *cluster) own(ctx context.Context, admin *kadm.Client, name string) string {
	topic := c.prefix + "-" + name
	c.create(ctx, admin, topic, nil)
	c.fill(ctx, topic, 0, 0)
	return topic
}

// stays says whether a topic is here to stay: those of other interfaces, opened at the same time, come and go.
func (c *cluster) stays(topic string) bool {
	return !strings.HasPrefix(topic, "ui-") || strings.HasPrefix(topic, c.prefix)
}

func (c *cluster) time(partition int32, offset int64) time.Time {
	return c.start.Add(time.Duration(1000*offset+int64(partition)) * time.Millisecond)
}

// record is what was sent; the last one of each batch is a tombstone.
func (c *cluster) record(topic string, partition int32, offset int64) *kgo.Record {
	r := &kgo.Record{
		Topic: topic, Partition: partition, Timestamp: c.time(partition, offset), Offset: offset,
		Key:     fmt.Appendf(nil, "key-%d", offset%each),
		Headers: []kgo.RecordHeader{{Key: "trace-id", Value: fmt.Appendf(nil, "t%d", offset)}, {Key: "nothing"}},
	}
	if offset%each != each-1 {
		r.Value = fmt.Appendf(nil, `{"offset":%d,"text":"%s"}`, offset, strings.Repeat("x", 100))
	}
	return r
}

// fill sends one batch for each partition.
func (c *cluster) fill(ctx context.Context, topic string, codec int, first int64) {
	client := got(kgo.NewClient(append(options(c.address), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codecs[codec]), kgo.ProducerLinger(100*time.Millisecond))...))
	defer client.Close()
	var records []*kgo.Record
	for p := range int32(partitions) {
		for offset := first; offset < first+each; offset++ {
			records = append(records, c.record(topic, p, offset))
		}
	}
	must(client.ProduceSync(ctx, records...).FirstErr())
}

// same checks that a page shows these records from `from` to `to`, each one in order and as it was sent, with its codec.
func (c *cluster) same(records []*kgo.Record, from, to int64) {
	var offsets []int64
	for _, r := range records {
		offsets = append(offsets, r.Offset)
		wanted := c.record(r.Topic, r.Partition, r.Offset)
		equal([]string{string(r.Key), string(r.Value)}, []string{string(wanted.Key), string(wanted.Value)}, "record")
		check(r.Timestamp.Equal(wanted.Timestamp), "timestamp of %d", r.Offset)
		equal([]bool{r.Value == nil, r.Headers[1].Value == nil}, []bool{wanted.Value == nil, true}, "what is null")
		equal(r.Headers[0], wanted.Headers[0], "header")
		if r.Topic == c.mixed {
			equal(int64(r.Attrs.CompressionType()), r.Offset/each, "codec")
		}
	}
	var wanted []int64
	for offset := from; offset < to; offset++ {
		wanted = append(wanted, offset)
	}
	equal(offsets, wanted, "offsets")
}

// member has read all of `mixed`, and stays in its group.
type member struct {
	group  string
	ready  chan error
	cancel context.CancelFunc
	gone   chan struct{}
}

func (c *cluster) join(name string, how kgo.Opt) *member {
	ctx, cancel := context.WithCancel(context.Background())
	m := &member{group: c.prefix + "-" + name, ready: make(chan error, 1), cancel: cancel, gone: make(chan struct{})}
	client := got(kgo.NewClient(append(options(c.address), kgo.ClientID(m.group+"-member"), kgo.ConsumerGroup(m.group),
		kgo.ConsumeTopics(c.mixed), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), how)...))
	go func() {
		defer close(m.gone)
		defer client.Close()
		read := int64(0)
		for ctx.Err() == nil {
			fetches := client.PollFetches(ctx)
			if err := fetches.Err(); err != nil && !errors.Is(err, context.Canceled) {
				m.ready <- err
				return
			}
			if read += int64(fetches.NumRecords()); fetches.NumRecords() > 0 && read == partitions*end {
				m.ready <- client.CommitUncommittedOffsets(ctx)
			}
		}
	}()
	return m
}

// await waits until every member has read all.
func (c *cluster) await(ctx context.Context) []string {
	names := []string{c.behind}
	for _, m := range c.members {
		select {
		case err := <-m.ready:
			must(err)
			m.ready <- nil
		case <-ctx.Done():
			panic(fmt.Errorf("the member of %s has not read all", m.group))
		}
		names = append(names, m.group)
	}
	slices.Sort(names)
	return names
}

func (c *cluster) leave() {
	for _, m := range c.members {
		m.cancel()
		<-m.gone
	}
}
