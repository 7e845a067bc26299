// Drives sarama.
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"barnabas.test/clients/cli"
	"barnabas.test/clients/records"
)

type client struct{}

func main() { cli.Main(client{}) }

// names are sarama's own names of its error constants, which print as prose.
var names = map[sarama.KError]string{
	sarama.ErrMessageSizeTooLarge:     "ErrMessageSizeTooLarge",
	sarama.ErrUnknownTopicOrPartition: "ErrUnknownTopicOrPartition",
	sarama.ErrTopicAlreadyExists:      "ErrTopicAlreadyExists",
	sarama.ErrInvalidTopic:            "ErrInvalidTopic",
}

func named(err error) error {
	var kafka sarama.KError
	if errors.As(err, &kafka) {
		if name, ok := names[kafka]; ok {
			return errors.New(name)
		}
	}
	return err
}

func config() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.MaxVersion
	return c
}

func (client) Create(job *cli.Job) error {
	admin, err := sarama.NewClusterAdmin([]string{job.Bootstrap}, config())
	if err != nil {
		return err
	}
	defer admin.Close()
	detail := &sarama.TopicDetail{
		NumPartitions: int32(job.Partitions), ReplicationFactor: 1, ConfigEntries: map[string]*string{},
	}
	for key, value := range job.Config {
		detail.ConfigEntries[key] = &value
	}
	return named(admin.CreateTopic(job.Topic, detail, false))
}

var codecs = map[string]sarama.CompressionCodec{
	"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
	"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
}

func producerConfig(job *cli.Job) *sarama.Config {
	c := config()
	c.Producer.Partitioner = sarama.NewManualPartitioner
	c.Producer.Compression = codecs[job.Codec]
	c.Producer.Return.Successes = true
	c.Producer.MaxMessageBytes = 100_000_000
	c.Producer.Flush.Frequency = 5 * time.Millisecond
	c.Producer.Flush.MaxMessages = 5000
	acks := map[string]sarama.RequiredAcks{
		"0": sarama.NoResponse, "1": sarama.WaitForLocal, "all": sarama.WaitForAll,
	}
	if job.Acks != "default" {
		c.Producer.RequiredAcks = acks[job.Acks]
	}
	// Without idempotence sarama keeps the order only with one request in flight.
	c.Net.MaxOpenRequests = 1
	c.Producer.Idempotent = job.Idempotent
	return c
}

func (client) Produce(job *cli.Job, batches func(func([]records.Record) error) error) error {
	sarama.MaxRequestSize = 200_000_000
	producer, err := sarama.NewAsyncProducer([]string{job.Bootstrap}, producerConfig(job))
	if err != nil {
		return named(err)
	}
	err = batches(func(batch []records.Record) error { return send(producer, job.Topic, batch) })
	if closed := producer.Close(); err == nil {
		err = closed
	}
	return named(err)
}

// send queues the batch and waits for as many reports.
func send(producer sarama.AsyncProducer, topic string, batch []records.Record) error {
	go func() {
		for i := range batch {
			producer.Input() <- message(topic, &batch[i])
		}
	}()
	var failure error
	for range batch {
		select {
		case <-producer.Successes():
		case failed := <-producer.Errors():
			if failure == nil {
				failure = failed.Err
			}
		}
	}
	return failure
}

// encoder keeps null apart from empty: a nil interface is null.
func encoder(b []byte) sarama.Encoder {
	if b == nil {
		return nil
	}
	return sarama.ByteEncoder(b)
}

func message(topic string, r *records.Record) *sarama.ProducerMessage {
	m := &sarama.ProducerMessage{
		Topic: topic, Partition: r.Partition, Timestamp: time.UnixMilli(r.Timestamp),
		Key: encoder(r.Key), Value: encoder(r.Value),
	}
	for _, h := range r.Headers {
		m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(h.Name), Value: h.Value})
	}
	return m
}

func (client) Consume(ctx context.Context, job *cli.Job, sink *cli.Sink) (string, error) {
	c := config()
	c.Consumer.Return.Errors = true
	if job.Isolation == "read_committed" {
		c.Consumer.IsolationLevel = sarama.ReadCommitted
	}
	if job.FetchBytes > 0 {
		sarama.MaxResponseSize = int32(2 * job.FetchBytes)
		c.Consumer.Fetch.Default = int32(job.FetchBytes)
	}
	consumer, err := sarama.NewConsumer([]string{job.Bootstrap}, c)
	if err != nil {
		return "", named(err)
	}
	defer consumer.Close()
	messages := make(chan *sarama.ConsumerMessage, 1024)
	failures := make(chan error, job.Partitions)
	for p := range job.Partitions {
		part, err := consumer.ConsumePartition(job.Topic, int32(p), sarama.OffsetOldest)
		if err != nil {
			return "", named(err)
		}
		go forward(ctx, part, messages, failures)
		defer part.AsyncClose()
	}
	for !sink.Full() {
		select {
		case m := <-messages:
			if err := sink.Add(m.Offset, received(m)); err != nil {
				return "", err
			}
		case err := <-failures:
			return "", named(err)
		case <-ctx.Done():
			return "", fmt.Errorf("Timeout after %g s", job.Timeout)
		}
	}
	return "", nil
}

func forward(ctx context.Context, part sarama.PartitionConsumer, to chan<- *sarama.ConsumerMessage, failures chan<- error) {
	for {
		select {
		case m, open := <-part.Messages():
			if !open {
				return
			}
			select {
			case to <- m:
			case <-ctx.Done():
				return
			}
		case failed, open := <-part.Errors():
			if !open {
				return
			}
			failures <- failed.Err
		case <-ctx.Done():
			return
		}
	}
}

func received(m *sarama.ConsumerMessage) *records.Record {
	r := &records.Record{
		Partition: m.Partition, Timestamp: m.Timestamp.UnixMilli(), Key: m.Key, Value: m.Value,
	}
	for _, h := range m.Headers {
		r.Headers = append(r.Headers, records.Header{Name: string(h.Key), Value: h.Value})
	}
	return r
}
