// Drives franz-go.
package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"barnabas.test/clients/cli"
	"barnabas.test/clients/records"
)

type franz struct{}

func main() { cli.Main(franz{}) }

// named gives the protocol's own name for an error where there is one.
func named(err error) error {
	var kafka *kerr.Error
	if errors.As(err, &kafka) {
		return errors.New(kafka.Message)
	}
	return err
}

func (franz) Create(job *cli.Job) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(job.Bootstrap))
	if err != nil {
		return err
	}
	defer client.Close()
	config := map[string]*string{}
	for key, value := range job.Config {
		config[key] = &value
	}
	_, err = kadm.NewClient(client).CreateTopic(context.Background(), int32(job.Partitions), 1, config, job.Topic)
	return named(err)
}

// defaultBatchBytes is franz-go's own limit of a batch; a single larger record needs more.
const defaultBatchBytes = 1_000_012

var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

func producerOptions(job *cli.Job) []kgo.Opt {
	opts := []kgo.Opt{
		kgo.SeedBrokers(job.Bootstrap),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codecs[job.Codec]),
		kgo.ProducerBatchMaxBytes(int32(max(defaultBatchBytes, job.Size+1024))),
		kgo.BrokerMaxWriteBytes(200_000_000),
		kgo.MaxBufferedRecords(1_000_000),
		kgo.ProducerLinger(5 * time.Millisecond),
		kgo.AllowAutoTopicCreation(),
	}
	acks := map[string]kgo.Acks{"0": kgo.NoAck(), "1": kgo.LeaderAck(), "all": kgo.AllISRAcks()}
	if job.Acks != "default" {
		opts = append(opts, kgo.RequiredAcks(acks[job.Acks]))
		if !job.Idempotent {
			opts = append(opts, kgo.DisableIdempotentWrite())
		}
	}
	return opts
}

func (franz) Produce(job *cli.Job, batches func(func([]records.Record) error) error) error {
	client, err := kgo.NewClient(producerOptions(job)...)
	if err != nil {
		return err
	}
	defer client.Close()
	return batches(func(batch []records.Record) error {
		var lock sync.Mutex
		var failure error
		for i := range batch {
			client.Produce(context.Background(), message(job.Topic, &batch[i]), func(_ *kgo.Record, err error) {
				lock.Lock()
				defer lock.Unlock()
				if failure == nil {
					failure = err
				}
			})
		}
		if err := client.Flush(context.Background()); err != nil {
			return err
		}
		lock.Lock()
		defer lock.Unlock()
		return named(failure)
	})
}

func message(topic string, r *records.Record) *kgo.Record {
	m := &kgo.Record{
		Topic: topic, Partition: r.Partition, Timestamp: time.UnixMilli(r.Timestamp), Key: r.Key, Value: r.Value,
	}
	for _, h := range r.Headers {
		m.Headers = append(m.Headers, kgo.RecordHeader{Key: h.Name, Value: h.Value})
	}
	return m
}

// largest remembers the size of the largest Fetch response.
type largest struct {
	lock  sync.Mutex
	bytes int
}

func (l *largest) OnBrokerRead(_ kgo.BrokerMetadata, key int16, read int, _, _ time.Duration, _ error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	if key == 1 {
		l.bytes = max(l.bytes, read)
	}
}

func consumerOptions(job *cli.Job, hook kgo.Hook) []kgo.Opt {
	offsets := map[int32]kgo.Offset{}
	for p := range job.Partitions {
		offsets[int32(p)] = kgo.NewOffset().AtStart()
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(job.Bootstrap),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{job.Topic: offsets}),
		kgo.WithHooks(hook),
	}
	if job.Isolation == "read_committed" {
		opts = append(opts, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	}
	if job.FetchBytes > 0 {
		size := int32(job.FetchBytes)
		opts = append(opts, kgo.FetchMaxBytes(size), kgo.FetchMaxPartitionBytes(size),
			kgo.FetchMinBytes(size), kgo.FetchMaxWait(500*time.Millisecond), kgo.BrokerMaxReadBytes(2*size))
	}
	return opts
}

func (franz) Consume(ctx context.Context, job *cli.Job, sink *cli.Sink) (string, error) {
	hook := &largest{}
	client, err := kgo.NewClient(consumerOptions(job, hook)...)
	if err != nil {
		return "", err
	}
	defer client.Close()
	for !sink.Full() && ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		for _, failed := range fetches.Errors() {
			if ctx.Err() == nil {
				return "", named(failed.Err)
			}
		}
		var failure error
		fetches.EachRecord(func(m *kgo.Record) {
			if err := sink.Add(m.Offset, received(m)); failure == nil {
				failure = err
			}
		})
		if failure != nil {
			return "", failure
		}
	}
	hook.lock.Lock()
	defer hook.lock.Unlock()
	return fmt.Sprintf("largest-fetch=%d", hook.bytes), nil
}

func received(m *kgo.Record) *records.Record {
	r := &records.Record{
		Partition: m.Partition, Timestamp: m.Timestamp.UnixMilli(), Key: m.Key, Value: m.Value,
	}
	for _, h := range m.Headers {
		r.Headers = append(r.Headers, records.Header{Name: h.Key, Value: h.Value})
	}
	return r
}
