// The JavaScript form of the rule in tests/clients/README.md: the records every
// driver produces, a pure function of (seed, index). It must never ask a clock
// or draw from any other source.
'use strict'

const GOLDEN = 0x9e3779b9
const BASE_TIMESTAMP = 1_700_000_000_000
const NAMES = ['a', 'trace-id', 'content-type', 'имя', 'x.y', 'zero']

// MurmurHash3's 32-bit finaliser.
function mix32(z) {
  z ^= z >>> 16
  z = Math.imul(z, 0x85ebca6b)
  z ^= z >>> 13
  z = Math.imul(z, 0xc2b2ae35)
  return (z ^ (z >>> 16)) >>> 0
}

// The stream of 32-bit draws of one record.
class Draws {
  constructor(seed, index) {
    this.state = mix32(seed ^ mix32((index + GOLDEN) | 0))
  }

  next() {
    this.state = (this.state + GOLDEN) | 0
    return mix32(this.state)
  }

  // `length` bytes: that many draws, little-endian, repeated.
  fill(words, length) {
    const unit = Buffer.alloc(4 * words)
    for (let w = 0; w < words; w++) unit.writeUInt32LE(this.next(), 4 * w)
    return Buffer.alloc(length, unit)
  }
}

function timestampOf(draws, index) {
  const d = draws.next()
  if (index % 1000 === 7) return 1 + (d % 86_400_000)
  return BASE_TIMESTAMP + index * 37 + (d % 1000)
}

function keyOf(draws) {
  const d = draws.next()
  if (d % 10 < 2) return null
  if (d % 10 === 2) return Buffer.alloc(0)
  return draws.fill(2, 1 + ((d >>> 8) % 24))
}

function valueOf(draws, size) {
  const d = draws.next()
  if (size >= 0) return draws.fill(3, size)
  const kind = d % 64
  if ([0, 16, 32, 48].includes(kind)) return null
  if ([1, 17, 33, 49].includes(kind)) return Buffer.alloc(0)
  if (kind === 2) return draws.fill(3, 1 + ((d >>> 8) % 8192))
  return draws.fill(3, 1 + ((d >>> 8) % 200))
}

function headersOf(draws) {
  const headers = []
  let name = -1
  const n = draws.next() % 4
  for (let j = 0; j < n; j++) {
    const x = draws.next()
    if (j === 0 || (x & 1) === 0) name += 1 + ((x >>> 1) % 2)
    headers.push([NAMES[name], headerValue(draws, x)])
  }
  return headers
}

function headerValue(draws, x) {
  const kind = (x >>> 8) % 4
  if (kind === 0) return null
  if (kind === 1) return Buffer.alloc(0)
  return draws.fill(1, 1 + ((x >>> 12) % 16))
}

// The record with this index; `size` >= 0 fixes the value's length.
function record(seed, index, partitions, size, without) {
  const draws = new Draws(seed, index)
  const partition = draws.next() % partitions
  const timestamp = timestampOf(draws, index)
  const key = keyOf(draws)
  const value = valueOf(draws, size)
  let headers = headersOf(draws)
  if (without.includes('null-header-values')) {
    headers = headers.map(([name, data]) => [name, data === null ? Buffer.alloc(0) : data])
  }
  return { partition, timestamp, key, value, headers }
}

// Hexadecimal, or `~` for null.
const asHex = data => (data === null ? '~' : data.toString('hex'))

// What `consume` writes for a record.
function line(offset, r) {
  const headers = r.headers.map(([name, value]) => `${name}=${asHex(value)}`).join(';')
  return [r.partition, offset, r.timestamp, asHex(r.key), asHex(r.value), headers].join('\t') + '\n'
}

module.exports = { record, line }
