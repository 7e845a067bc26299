// A member of a group with sarama.
package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"barnabas.test/clients/group"
)

var strategies = map[string]func() sarama.BalanceStrategy{
	"range":      sarama.NewBalanceStrategyRange,
	"roundrobin": sarama.NewBalanceStrategyRoundRobin,
	"sticky":     sarama.NewBalanceStrategySticky,
}

func config(job *group.Job) *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.MaxVersion
	c.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategies[job.Assignor]()}
	c.Consumer.Group.Session.Timeout = job.Session
	c.Consumer.Group.Heartbeat.Interval = job.Heartbeat
	c.Consumer.Group.Rebalance.Timeout = job.MaxPoll
	c.Consumer.Group.Rebalance.Retry.Backoff = time.Second
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Offsets.AutoCommit.Enable = false
	c.Consumer.MaxWaitTime = 100 * time.Millisecond
	c.Consumer.Return.Errors = true
	c.Consumer.Group.InstanceId = job.Instance
	return c
}

// handler is one member; sarama runs ConsumeClaim for each partition at once.
type handler struct {
	log    *group.Log
	commit sync.Mutex
}

func (h *handler) Setup(s sarama.ConsumerGroupSession) error {
	var parts []int32
	for _, claimed := range s.Claims() {
		parts = append(parts, claimed...)
	}
	h.log.Assigned(s.GenerationID(), s.MemberID(), parts, true)
	return nil
}

// Cleanup cannot know whether the group has thrown the member out.
func (h *handler) Cleanup(s sarama.ConsumerGroupSession) error {
	var parts []int32
	for _, claimed := range s.Claims() {
		parts = append(parts, claimed...)
	}
	h.log.Gone("revoked", parts)
	return nil
}

func (h *handler) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for {
		select {
		case m, open := <-claim.Messages():
			if !open {
				return nil
			}
			h.took(s, claim, m)
		case <-again.C:
			h.commit.Lock()
			s.Commit()
			h.commit.Unlock()
		case <-s.Context().Done():
			return nil
		}
	}
}

// took says what has come up to now, marks it, and commits.
func (h *handler) took(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim, m *sarama.ConsumerMessage) {
	first, count := m.Offset, 1
	for more := true; more; {
		select {
		case next, open := <-claim.Messages():
			if more = open; open {
				m = next
				count++
			}
		default:
			more = false
		}
	}
	h.commit.Lock()
	defer h.commit.Unlock()
	h.log.Read(claim.Partition(), first, m.Offset, count)
	h.log.Take()
	h.log.Forget() // what is marked, sarama itself remembers until it is committed
	s.MarkMessage(m, "")
	s.Commit() // does not tell how it ended
}

// Sarama gives up at once when nobody listens; the others try again by themselves.
func connect(ctx context.Context, job *group.Job, log *group.Log) sarama.ConsumerGroup {
	for ctx.Err() == nil {
		client, err := sarama.NewConsumerGroup([]string{job.Bootstrap}, job.Group, config(job))
		if err == nil {
			return client
		}
		log.Say("error", err.Error())
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
	return nil
}

func main() {
	job, log := group.Parse(), group.NewLog()
	quit := group.Quit()
	log.Say("start", "")
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-quit
		cancel()
	}()
	client := connect(ctx, job, log)
	if client == nil {
		log.Say("end", "")
		return
	}
	go func() {
		for err := range client.Errors() {
			log.Say("error", err.Error())
		}
	}()
	h := &handler{log: log}
	for ctx.Err() == nil {
		err := client.Consume(ctx, []string{job.Topic}, h)
		if errors.Is(err, sarama.ErrFencedInstancedId) {
			log.Fatal(err)
		}
		if err != nil {
			log.Say("error", err.Error())
		}
	}
	if err := client.Close(); err != nil {
		log.Say("error", err.Error())
	}
	log.Say("end", "")
}
