// Package records is the Go form of the rule in tests/clients/README.md: the
// records every driver produces, a pure function of (seed, index). It must
// never ask a clock or draw from any other source.
package records

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
)

const (
	golden        = 0x9E3779B9
	baseTimestamp = 1_700_000_000_000
)

var names = [...]string{"a", "trace-id", "content-type", "имя", "x.y", "zero"}

// Header is one record header; a nil Value is null, an empty one is empty.
type Header struct {
	Name  string
	Value []byte
}

// Record is one record as the producer is told to send it. A nil Key or Value
// is null, an empty one is empty.
type Record struct {
	Partition int32
	Timestamp int64
	Key       []byte
	Value     []byte
	Headers   []Header
}

// mix32 is MurmurHash3's 32-bit finaliser.
func mix32(z uint32) uint32 {
	z ^= z >> 16
	z *= 0x85EBCA6B
	z ^= z >> 13
	z *= 0xC2B2AE35
	return z ^ z>>16
}

// draws is the stream of 32-bit draws of one record.
type draws struct{ state uint32 }

func newDraws(seed, index uint32) *draws {
	return &draws{mix32(seed ^ mix32(index+golden))}
}

func (d *draws) next() uint32 {
	d.state += golden
	return mix32(d.state)
}

// fill gives length bytes: that many draws, little-endian, repeated.
func (d *draws) fill(words, length int) []byte {
	unit := make([]byte, 0, 4*words)
	for range words {
		unit = binary.LittleEndian.AppendUint32(unit, d.next())
	}
	return bytes.Repeat(unit, length/len(unit)+1)[:length]
}

// New gives the record with this index; size >= 0 fixes the value's length.
func New(seed, index, partitions uint32, size int) Record {
	d := newDraws(seed, index)
	r := Record{Partition: int32(d.next() % partitions)}
	r.Timestamp = timestamp(d, index)
	r.Key = key(d)
	r.Value = value(d, size)
	r.Headers = headers(d)
	return r
}

func timestamp(d *draws, index uint32) int64 {
	x := d.next()
	if index%1000 == 7 {
		return 1 + int64(x%86_400_000)
	}
	return baseTimestamp + int64(index)*37 + int64(x%1000)
}

func key(d *draws) []byte {
	x := d.next()
	switch {
	case x%10 < 2:
		return nil
	case x%10 == 2:
		return []byte{}
	}
	return d.fill(2, int(1+(x>>8)%24))
}

func value(d *draws, size int) []byte {
	x := d.next()
	if size >= 0 {
		return d.fill(3, size)
	}
	switch x % 64 {
	case 0, 16, 32, 48:
		return nil
	case 1, 17, 33, 49:
		return []byte{}
	case 2:
		return d.fill(3, int(1+(x>>8)%8192))
	}
	return d.fill(3, int(1+(x>>8)%200))
}

func headers(d *draws) []Header {
	var out []Header
	name := -1
	n := d.next() % 4
	for j := range n {
		x := d.next()
		if j == 0 || x&1 == 0 {
			name += 1 + int(x>>1)%2
		}
		out = append(out, Header{names[name], headerValue(d, x)})
	}
	return out
}

func headerValue(d *draws, x uint32) []byte {
	switch (x >> 8) % 4 {
	case 0:
		return nil
	case 1:
		return []byte{}
	}
	return d.fill(1, int(1+(x>>12)%16))
}

// asHex is hexadecimal, or `~` for null.
func asHex(b []byte) string {
	if b == nil {
		return "~"
	}
	return hex.EncodeToString(b)
}

// Line is what `consume` writes for a record.
func (r *Record) Line(offset int64) string {
	parts := make([]string, len(r.Headers))
	for i, h := range r.Headers {
		parts[i] = h.Name + "=" + asHex(h.Value)
	}
	return strings.Join([]string{
		strconv.Itoa(int(r.Partition)), strconv.FormatInt(offset, 10),
		strconv.FormatInt(r.Timestamp, 10), asHex(r.Key), asHex(r.Value),
		strings.Join(parts, ";"),
	}, "\t") + "\n"
}
