// Opens every page of Redpanda Console on a broker, as the calls of franz-go
// that it makes: console H:P PREFIX. It must never repair anything: what a
// page would show is what is checked.
package main

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const patience = 60 * time.Second

// console is what the pages have in common: one client, as Console has it.
type console struct {
	*cluster
	client *kgo.Client
	admin  *kadm.Client
}

// check ends a page that shows something else.
func check(holds bool, format string, values ...any) {
	if !holds {
		panic(fmt.Errorf(format, values...))
	}
}

func equal(found, wanted any, what string) {
	check(reflect.DeepEqual(found, wanted), "%s: %v instead of %v", what, found, wanted)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func got[T any](value T, err error) T {
	must(err)
	return value
}

// code fails with the protocol's name of an error.
func code(value int16) { must(kerr.ErrorForCode(value)) }

// again looks until it is so: a broker learns of changes after they were answered, and Console asks again too.
func again(look func()) {
	deadline := time.Now().Add(10 * time.Second)
	for attempt(look) != nil {
		if time.Now().After(deadline) {
			look()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func attempt(look func()) (failure error) {
	defer func() {
		if thrown := recover(); thrown != nil {
			failure = thrown.(error)
		}
	}()
	look()
	return nil
}

// page opens one page, or presses one of its buttons; a line on stdout says how it went.
func (c *console) page(title string, look func()) {
	start := time.Now()
	result, why := "OK", ""
	if failure := attempt(look); failure != nil {
		result, why = "ERROR", strings.ReplaceAll(failure.Error(), "\n", " ")
	}
	fmt.Printf("%s\tconsole\t%s\t%d ms\t%s\n", result, title, time.Since(start).Milliseconds(), why)
}

func options(address string) []kgo.Opt {
	return []kgo.Opt{
		kgo.SeedBrokers(address),
		kgo.ClientID("redpanda-console"),
		kgo.FetchMaxBytes(5_000_000),
		kgo.MaxConcurrentFetches(12),
		kgo.KeepControlRecords(),
		// Not Console's: a client's end waits for its last fetch, and looking again for what is new waits for metadata.
		kgo.FetchMaxWait(50 * time.Millisecond),
		kgo.MetadataMinAge(50 * time.Millisecond),
	}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	client := got(kgo.NewClient(options(os.Args[1])...))
	c := &console{client: client, admin: kadm.NewClient(client)}
	c.cluster = newCluster(ctx, os.Args[1], os.Args[2], client)
	c.overview(ctx)
	c.topics(ctx)
	c.groups(ctx)
	c.leave()
	client.Close()
}
