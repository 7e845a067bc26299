package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// topics opens the list of topics and all that is about one.
func (c *console) topics(ctx context.Context) {
	c.page("topics", func() { c.list(ctx) })
	c.page("topic: messages, newest", func() { c.messages(ctx, c.mixed, end-13, end) })
	c.page("topic: messages, oldest", func() { c.messages(ctx, c.mixed, 0, 21) })
	c.page("topic: messages, from a time", func() { c.since(ctx) })
	c.page("topic: messages, live", func() { c.live(ctx) })
	c.page("topic: consumers", func() { c.consumers(ctx) })
	c.page("topic: partitions", func() { c.watermarks(ctx, c.mixed, end); c.sizes(ctx, c.mixed) })
	c.page("topic: configuration", func() { c.topicConfigs(ctx) })
	c.page("topic: acls", func() { c.noACLs(ctx) })
	c.page("topic: one that is not there", func() {
		for range 2 { // looking does not make it
			err := got(c.admin.Metadata(ctx, c.prefix+"-none")).Topics[c.prefix+"-none"].Err
			check(errors.Is(err, kerr.UnknownTopicOrPartition), "error %v", err)
		}
	})
	c.page("topics: create, edit configuration, delete", func() { c.created(ctx) })
	c.page("topic: publish", func() { c.publish(ctx) })
	c.page("topic: publish in a transaction", func() { c.transaction(ctx) })
	c.page("topic: delete records", func() { c.records(ctx) })
}

func (c *console) list(ctx context.Context) {
	metadata := got(kmsg.NewPtrMetadataRequest().RequestWith(ctx, c.client))
	var names []string
	for _, topic := range metadata.Topics {
		if !c.stays(*topic.Topic) {
			continue
		}
		code(topic.ErrorCode)
		names = append(names, *topic.Topic)
		equal(topic.IsInternal, *topic.Topic == "__consumer_offsets", "internal: "+*topic.Topic)
	}
	for _, topic := range []string{c.mixed, c.compacted, c.empty, "__consumer_offsets"} {
		check(slices.Contains(names, topic), "no %s", topic)
	}
	policies := map[string]string{}
	for _, resource := range c.configs(ctx, kmsg.ConfigResourceTypeTopic, names, []string{"cleanup.policy"}).Resources {
		equal(len(resource.Configs), 1, "settings of "+resource.ResourceName)
		policies[resource.ResourceName] = *resource.Configs[0].Value
	}
	equal([]string{policies[c.mixed], policies[c.compacted], policies["__consumer_offsets"]},
		[]string{"delete", "compact", "compact"}, "policies")
	c.sizes(ctx, c.mixed)
}

func (c *console) watermarks(ctx context.Context, topic string, last int64) {
	starts, ends := got(c.admin.ListStartOffsets(ctx, topic)), got(c.admin.ListEndOffsets(ctx, topic))
	must(starts.Error())
	must(ends.Error())
	equal([]int{len(starts[topic]), len(ends[topic])}, []int{partitions, partitions}, "partitions")
	for p := range int32(partitions) {
		equal([]int64{starts[topic][p].Offset, ends[topic][p].Offset}, []int64{0, last}, "offsets")
	}
}

// read consumes from here to there in every partition, with a client of its own.
func (c *console) read(ctx context.Context, topic string, from, to int64, more ...kgo.Opt) map[int32][]*kgo.Record {
	offsets := map[int32]kgo.Offset{}
	for p := range int32(partitions) {
		offsets[p] = kgo.NewOffset().At(from)
	}
	client := got(kgo.NewClient(append(append(options(c.address), more...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets}))...))
	defer client.Close()
	found := map[int32][]*kgo.Record{}
	for left := partitions; left > 0; {
		fetches := client.PollFetches(ctx)
		must(fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset < to {
				found[r.Partition] = append(found[r.Partition], r)
				if r.Offset == to-1 {
					left--
				}
			}
		})
	}
	return found
}

func (c *console) messages(ctx context.Context, topic string, from, to int64) {
	must(got(c.admin.Metadata(ctx, topic)).Topics[topic].Err)
	c.watermarks(ctx, topic, end)
	for _, records := range c.read(ctx, topic, from, to) {
		c.same(records, from, to)
	}
}

func (c *console) since(ctx context.Context) {
	for p := range int32(partitions) {
		request := kmsg.NewPtrListOffsetsRequest()
		topic := kmsg.NewListOffsetsRequestTopic()
		topic.Topic = c.mixed
		partition := kmsg.NewListOffsetsRequestTopicPartition()
		partition.Partition, partition.Timestamp = p, c.time(p, 33).UnixMilli()
		topic.Partitions = append(topic.Partitions, partition)
		request.Topics = append(request.Topics, topic)
		answer := got(request.RequestWith(ctx, c.client)).Topics[0].Partitions[0]
		code(answer.ErrorCode)
		equal(answer.Offset, int64(33), "offset for the time")
	}
	c.messages(ctx, c.mixed, 33, end)
}

// live shows what comes while the page is open.
func (c *console) live(ctx context.Context) {
	topic := c.own(ctx, c.admin, "live")
	defer c.gone(ctx, topic)
	done := make(chan map[int32][]*kgo.Record, 1)
	failure := make(chan error, 1)
	go func() {
		failure <- attempt(func() { done <- c.read(ctx, topic, each, each+1) })
	}()
	for p := range int32(partitions) {
		must(c.client.ProduceSync(ctx, &kgo.Record{Topic: topic, Partition: p, Value: []byte("now")}).FirstErr())
	}
	c.fill(ctx, topic, 0, each)
	must(<-failure)
	equal(len(<-done), partitions, "partitions that something came in")
}

func (c *console) topicConfigs(ctx context.Context) {
	of := c.configs(ctx, kmsg.ConfigResourceTypeTopic, []string{c.compacted}, nil).Resources[0]
	shows(of, "cleanup.policy", "compact", kmsg.ConfigSourceDynamicTopicConfig,
		"cleanup.policy=compact DYNAMIC_TOPIC_CONFIG", "log.cleanup.policy=delete DEFAULT_CONFIG")
	shows(of, "segment.bytes", "1073741824", kmsg.ConfigSourceDefaultConfig, "log.segment.bytes=1073741824 DEFAULT_CONFIG")
}

// gone deletes a topic, and looks until it is.
func (c *console) gone(ctx context.Context, topic string) {
	got(c.admin.DeleteTopic(ctx, topic))
	again(func() { check(!got(c.admin.Metadata(ctx)).Topics.Has(topic), "still there") })
}

func (c *console) created(ctx context.Context) {
	topic := c.prefix + "-created"
	value := "1000"
	c.create(ctx, c.admin, topic, map[string]*string{"retention.ms": &value})
	other := "2000"
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, topic
	resource.Configs = []kmsg.IncrementalAlterConfigsRequestResourceConfig{
		{Name: "retention.ms", Op: kmsg.IncrementalAlterConfigOpDelete},
		{Name: "max.message.bytes", Op: kmsg.IncrementalAlterConfigOpSet, Value: &other},
	}
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	request.Resources = append(request.Resources, resource)
	code(got(request.RequestWith(ctx, c.client)).Resources[0].ErrorCode)
	again(func() {
		of := c.configs(ctx, kmsg.ConfigResourceTypeTopic, []string{topic}, nil).Resources[0]
		shows(of, "retention.ms", "604800000", kmsg.ConfigSourceDefaultConfig)
		shows(of, "max.message.bytes", other, kmsg.ConfigSourceDynamicTopicConfig,
			"max.message.bytes=2000 DYNAMIC_TOPIC_CONFIG", "message.max.bytes=1048588 DEFAULT_CONFIG")
	})
	c.gone(ctx, topic)
}

// publish sends with every codec the form offers.
func (c *console) publish(ctx context.Context) {
	topic := c.own(ctx, c.admin, "publish")
	defer c.gone(ctx, topic)
	for i, codec := range codecs {
		client := got(kgo.NewClient(append(options(c.address), kgo.RecordPartitioner(kgo.ManualPartitioner()),
			kgo.ProducerBatchCompression(codec, kgo.NoCompression()))...))
		sent, err := client.ProduceSync(ctx, &kgo.Record{Topic: topic, Partition: 1, Key: []byte("k"),
			Value: fmt.Appendf(nil, "%0200d", i), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("1")}}}).First()
		client.Close()
		must(err)
		equal(sent.Offset, int64(each+i), "offset")
	}
}

func (c *console) transaction(ctx context.Context) {
	topic := c.own(ctx, c.admin, "transaction")
	defer c.gone(ctx, topic)
	client := got(kgo.NewClient(append(options(c.address), kgo.TransactionalID(c.prefix))...))
	defer client.Close()
	must(client.BeginTransaction())
	must(client.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("v")}).FirstErr())
	must(client.EndTransaction(ctx, kgo.TryCommit))
}

func (c *console) records(ctx context.Context) {
	topic := c.own(ctx, c.admin, "records")
	defer c.gone(ctx, topic)
	deleted := got(c.admin.DeleteRecords(ctx, c.offsets(topic, func(p int32) int64 { return int64(p) + 4 })))
	must(deleted.Error())
	starts := got(c.admin.ListStartOffsets(ctx, topic))
	for p := range int32(partitions) {
		equal([]int64{deleted[topic][p].LowWatermark, starts[topic][p].Offset}, []int64{int64(p) + 4, int64(p) + 4}, "start")
	}
}
