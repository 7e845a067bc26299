// Package cli is the command line that the Go drivers share (see
// tests/clients/README.md). It must never retry or repair anything: what the
// client reports is what the harness sees.
package cli

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"barnabas.test/clients/records"
)

const exitClientError = 3

// Job is one command with its arguments.
type Job struct {
	Command, Bootstrap, Topic     string
	Partitions, Count, Seed, Size int
	Acks, Codec                   string
	Idempotent                    bool
	PauseAt, Expect, FetchBytes   int
	Out, Isolation, Jobs          string
	Timeout                       float64
	Config                        map[string]string
}

// Client is what one client library must offer to be driven.
type Client interface {
	Create(job *Job) error
	Produce(job *Job, batches func(send func([]records.Record) error) error) error
	// Consume gives what it knows of the fetches, to be printed.
	Consume(ctx context.Context, job *Job, sink *Sink) (string, error)
}

// Sink is the output file of one `consume`: a line a record.
type Sink struct {
	file   *bufio.Writer
	expect int
	count  int
}

// Add writes one record.
func (s *Sink) Add(offset int64, r *records.Record) error {
	s.count++
	_, err := s.file.WriteString(r.Line(offset))
	return err
}

// Full says whether all expected records have come.
func (s *Sink) Full() bool { return s.count >= s.expect }

func parse(args []string) (*Job, error) {
	if len(args) == 0 {
		return nil, errors.New("no command")
	}
	j := &Job{Command: args[0], Config: map[string]string{}}
	f := flag.NewFlagSet(j.Command, flag.ContinueOnError)
	f.StringVar(&j.Bootstrap, "bootstrap", "", "host:port")
	f.StringVar(&j.Topic, "topic", "", "")
	f.IntVar(&j.Partitions, "partitions", 0, "")
	f.StringVar(&j.Acks, "acks", "all", "")
	f.StringVar(&j.Codec, "codec", "none", "")
	f.IntVar(&j.Count, "count", 0, "")
	f.IntVar(&j.Seed, "seed", 0, "")
	f.IntVar(&j.Size, "size", -1, "")
	f.BoolVar(&j.Idempotent, "idempotent", false, "")
	f.IntVar(&j.PauseAt, "pause-at", 0, "")
	f.IntVar(&j.Expect, "expect", 0, "")
	f.StringVar(&j.Out, "out", "", "")
	f.StringVar(&j.Isolation, "isolation", "read_uncommitted", "")
	f.IntVar(&j.FetchBytes, "fetch-bytes", 0, "")
	f.Float64Var(&j.Timeout, "timeout", 60, "seconds")
	f.StringVar(&j.Jobs, "jobs", "", "")
	f.Func("config", "key=value", func(s string) error {
		key, value, _ := strings.Cut(s, "=")
		j.Config[key] = value
		return nil
	})
	return j, f.Parse(args[1:])
}

// batches hands out the records, cut where the driver must flush and wait.
func (j *Job) batches(send func([]records.Record) error) error {
	cut := j.PauseAt
	if cut == 0 {
		cut = j.Count
	}
	stdin := bufio.NewReader(os.Stdin)
	for start := 0; start < j.Count; start += cut {
		end := min(start+cut, j.Count)
		batch := make([]records.Record, 0, end-start)
		for i := start; i < end; i++ {
			batch = append(batch, records.New(uint32(j.Seed), uint32(i), uint32(j.Partitions), j.Size))
		}
		if err := send(batch); err != nil {
			return err
		}
		if end < j.Count {
			fmt.Println("PAUSED")
			_, _ = stdin.ReadString('\n')
		}
	}
	return nil
}

func perform(c Client, j *Job) (string, error) {
	switch j.Command {
	case "create":
		return "", c.Create(j)
	case "produce":
		return fmt.Sprint(j.Count), c.Produce(j, j.batches)
	case "consume":
		return consume(c, j)
	}
	return "", fmt.Errorf("unknown command %s", j.Command)
}

func consume(c Client, j *Job) (string, error) {
	file, err := os.Create(j.Out)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sink := &Sink{file: bufio.NewWriter(file), expect: j.Expect}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(j.Timeout*float64(time.Second)))
	defer cancel()
	note, err := c.Consume(ctx, j, sink)
	if flushed := sink.file.Flush(); err == nil {
		err = flushed
	}
	if err == nil && !sink.Full() {
		err = fmt.Errorf("Timeout %d of %d records after %g s", sink.count, sink.expect, j.Timeout)
	}
	return strings.TrimSpace(fmt.Sprint(sink.count, " ", note)), err
}

func attempt(c Client, j *Job) int {
	text, err := perform(c, j)
	if err != nil {
		fmt.Println("ERROR", j.Command, j.Topic, err)
		return exitClientError
	}
	fmt.Println("OK", j.Command, j.Topic, text)
	return 0
}

func run(c Client, all *Job) int {
	text, err := os.ReadFile(all.Jobs)
	if err != nil {
		fmt.Println("ERROR", err)
		return exitClientError
	}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		job, err := parse(strings.Fields(line))
		if err != nil {
			fmt.Println("ERROR", err)
			return exitClientError
		}
		job.Bootstrap = all.Bootstrap
		if code := attempt(c, job); code != 0 {
			return code // the rest would only fail, and late, for the same cause
		}
	}
	return 0
}

// Main is the whole program.
func Main(c Client) {
	job, err := parse(os.Args[1:])
	if err != nil {
		fmt.Println("ERROR", err)
		os.Exit(2)
	}
	if job.Command == "run" {
		os.Exit(run(c, job))
	}
	os.Exit(attempt(c, job))
}
