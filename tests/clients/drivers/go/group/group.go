// Package group is what the Go members of consumer groups share (see
// tests/churn/README.md): arguments, commands from stdin, lines on stdout. It
// must never retry or repair anything: what was not committed is committed with
// what comes next, as any consumer does.
package group

import (
	"bufio"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"slices"
	"sync"
	"time"
)

// Job is the command line.
type Job struct {
	Bootstrap, Topic, Group, Assignor, Protocol, Instance string
	Session, Heartbeat, MaxPoll                           time.Duration
}

// Parse reads the command line.
func Parse() *Job {
	j := &Job{}
	flag.StringVar(&j.Bootstrap, "bootstrap", "", "host:port")
	flag.StringVar(&j.Topic, "topic", "", "")
	flag.StringVar(&j.Group, "group", "", "")
	flag.StringVar(&j.Assignor, "assignor", "", "")
	flag.StringVar(&j.Protocol, "protocol", "classic", "classic or consumer")
	flag.StringVar(&j.Instance, "instance", "", "the group.instance.id of a static member")
	session := flag.Int("session-ms", 6000, "")
	heartbeat := flag.Int("heartbeat-ms", 1000, "")
	poll := flag.Int("max-poll-ms", 10_000, "")
	flag.Parse()
	j.Session = time.Duration(*session) * time.Millisecond
	j.Heartbeat = time.Duration(*heartbeat) * time.Millisecond
	j.MaxPoll = time.Duration(*poll) * time.Millisecond
	return j
}

// Offsets are offsets by partition.
type Offsets map[int32]int64

type fields map[string]any

// Log writes the lines, each whole and at once, and knows what is owned.
type Log struct {
	lock    sync.Mutex
	owned   map[int32]bool
	pending Offsets
}

// NewLog gives the log of a member that owns nothing.
func NewLog() *Log {
	return &Log{owned: map[int32]bool{}, pending: Offsets{}}
}

func (l *Log) write(event string, f fields) {
	f["e"] = event
	f["t"] = float64(time.Now().UnixMicro()) / 1000
	line, err := json.Marshal(f)
	if err == nil {
		_, err = os.Stdout.Write(append(line, '\n'))
	}
	if err != nil {
		os.Exit(1) // nobody listens any more
	}
}

func (l *Log) ownedNow() []int32 {
	return append([]int32{}, slices.Sorted(maps.Keys(l.owned))...)
}

// Say writes an event that has only a text, or none.
func (l *Log) Say(event, why string) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.write(event, fields{"why": why})
}

// Assigned says that the group gave these partitions, to what was owned or in its place.
func (l *Log) Assigned(generation int32, member string, added []int32, whole bool) {
	l.lock.Lock()
	defer l.lock.Unlock()
	if whole {
		clear(l.owned)
	}
	for _, p := range added {
		l.owned[p] = true
	}
	added = append([]int32{}, added...)
	slices.Sort(added)
	l.write("assigned", fields{"gen": generation, "member": member, "added": added, "owned": l.ownedNow()})
}

// Gone says that these partitions are revoked or lost.
func (l *Log) Gone(event string, parts []int32) {
	l.lock.Lock()
	defer l.lock.Unlock()
	for _, p := range parts {
		delete(l.owned, p)
		delete(l.pending, p)
	}
	l.write(event, fields{"parts": append([]int32{}, parts...), "owned": l.ownedNow()})
}

// Fatal ends the process: the client is good for nothing any more.
func (l *Log) Fatal(err error) {
	l.Say("fatal", err.Error())
	os.Exit(1)
}

// Read says that these offsets came, in this order, and remembers to commit them.
func (l *Log) Read(p int32, first, last int64, count int) {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.write("read", fields{"p": p, "from": first, "to": last, "n": count})
	if l.owned[p] {
		l.pending[p] = last + 1
	}
}

// Take says what is going to be committed, if anything is.
func (l *Log) Take() Offsets {
	l.lock.Lock()
	defer l.lock.Unlock()
	if len(l.pending) > 0 {
		l.write("commit", fields{"o": l.pending})
	}
	return maps.Clone(l.pending)
}

// Done says how a commit ended.
func (l *Log) Done(offsets Offsets, err error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	if err != nil {
		l.write("refused", fields{"o": offsets, "why": err.Error()})
		return
	}
	l.write("committed", fields{"o": offsets})
	for p, o := range offsets {
		if l.pending[p] == o {
			delete(l.pending, p)
		}
	}
}

// Forget is for a client that does not tell how a commit ended.
func (l *Log) Forget() {
	l.lock.Lock()
	defer l.lock.Unlock()
	clear(l.pending)
}

// Quit is closed when stdin says `quit` or ends.
func Quit() <-chan struct{} {
	quit := make(chan struct{})
	go func() {
		defer close(quit)
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			if in.Text() == "quit" {
				return
			}
		}
	}()
	return quit
}
