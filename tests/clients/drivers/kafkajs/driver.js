// Drives kafkajs. Its public consumer always joins a group, so `consume` uses
// the client's own cluster and broker objects to fetch assigned partitions; the
// wire code is the same. It must never retry or repair anything: what the
// client reports is what the harness sees.
'use strict'

const fs = require('fs')
const readline = require('readline')
const { parseArgs } = require('util')
const zstd = require('@bokuweb/zstd-wasm')
const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = require('kafkajs')
const Batch = require('kafkajs/src/consumer/batch')
const Cluster = require('kafkajs/src/cluster')
const { createLogger } = require('kafkajs/src/loggers')
const LoggerConsole = require('kafkajs/src/loggers/console')
const defaultSocketFactory = require('kafkajs/src/network/socketFactory')
const Lz4 = require('kafkajs-lz4')
const Snappy = require('kafkajs-snappy')
const { record, line } = require('./records')

const EXIT_CLIENT_ERROR = 3
const ZSTD_HEAP = 16 * 1024 * 1024 // for frames that do not say their size
const CODECS = { none: 'None', gzip: 'GZIP', snappy: 'Snappy', lz4: 'LZ4', zstd: 'ZSTD' }
const OPTIONS = {
  bootstrap: { type: 'string' },
  topic: { type: 'string' },
  partitions: { type: 'string' },
  config: { type: 'string', multiple: true, default: [] },
  acks: { type: 'string' },
  codec: { type: 'string', default: 'none' },
  count: { type: 'string', default: '0' },
  seed: { type: 'string', default: '0' },
  size: { type: 'string', default: '-1' },
  idempotent: { type: 'boolean', default: false },
  'pause-at': { type: 'string', default: '0' },
  without: { type: 'string', default: '' },
  expect: { type: 'string', default: '0' },
  out: { type: 'string' },
  isolation: { type: 'string', default: 'read_uncommitted' },
  'fetch-bytes': { type: 'string', default: '0' },
  timeout: { type: 'string', default: '60' },
  jobs: { type: 'string' },
}

CompressionCodecs[CompressionTypes.Snappy] = Snappy
CompressionCodecs[CompressionTypes.LZ4] = new Lz4().codec
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async encoder => Buffer.from(zstd.compress(encoder.buffer, 3)),
  decompress: async buffer => Buffer.from(zstd.decompress(buffer, { defaultHeapSize: ZSTD_HEAP })),
})

function parse(args) {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true })
  const job = { ...values, command: positionals[0] }
  for (const name of ['partitions', 'count', 'seed', 'size', 'pause-at', 'expect', 'fetch-bytes', 'timeout']) {
    job[name] = Number(job[name])
  }
  return job
}

const kafka = job => new Kafka({ brokers: [job.bootstrap], logLevel: logLevel.NOTHING })

async function create(job) {
  const admin = kafka(job).admin()
  await admin.connect()
  const configEntries = job.config.map(item => {
    const [name, ...value] = item.split('=')
    return { name, value: value.join('=') }
  })
  const topic = { topic: job.topic, numPartitions: job.partitions, replicationFactor: 1, configEntries }
  try {
    await admin.createTopics({ topics: [topic], timeout: 30_000 })
  } finally {
    await admin.disconnect()
  }
  return ''
}

// A header that comes twice is one entry with an array for kafkajs.
function headersObject(headers) {
  const object = {}
  for (const [name, value] of headers) {
    if (name in object) object[name].push(value)
    else object[name] = [value]
  }
  return object
}

function message(r) {
  return { ...r, timestamp: String(r.timestamp), headers: headersObject(r.headers) }
}

async function produce(job) {
  const without = job.without.split(',')
  const producer = kafka(job).producer({
    createPartitioner: () => ({ message: m }) => m.partition,
    idempotent: job.idempotent,
    maxInFlightRequests: 1,
  })
  const acks = { 0: 0, 1: 1, all: -1 }[job.acks]
  const compression = CompressionTypes[CODECS[job.codec]]
  await producer.connect()
  try {
    const cut = job['pause-at'] || job.count
    for (let start = 0; start < job.count; start += cut) {
      const end = Math.min(start + cut, job.count)
      await sendAll(producer, job, start, end, { acks, compression, without })
      if (end < job.count) await pause()
    }
  } finally {
    await producer.disconnect()
  }
  return String(job.count)
}

// kafkajs sends one batch per partition and call, so the driver cuts the calls.
async function sendAll(producer, job, start, end, { acks, compression, without }) {
  const step = job.size >= 0 ? 1 : 500
  for (let from = start; from < end; from += step) {
    const messages = []
    for (let i = from; i < Math.min(from + step, end); i++) {
      messages.push(message(record(job.seed, i, job.partitions, job.size, without)))
    }
    await producer.send({ topic: job.topic, messages, acks, compression })
  }
}

function pause() {
  console.log('PAUSED')
  const input = readline.createInterface({ input: process.stdin })
  return new Promise(resolve => input.once('line', () => resolve(input.close())))
}

async function consume(job) {
  const cluster = new Cluster({
    logger: createLogger({ level: logLevel.NOTHING, logCreator: LoggerConsole }),
    socketFactory: defaultSocketFactory(),
    brokers: [job.bootstrap],
    connectionTimeout: 1000,
    requestTimeout: 30_000,
    metadataMaxAge: 300_000,
    allowAutoTopicCreation: false,
  })
  const out = fs.openSync(job.out, 'w')
  try {
    await cluster.connect()
    await cluster.addTargetTopic(job.topic)
    return await fetchAll(cluster, job, out)
  } finally {
    fs.closeSync(out)
    await cluster.disconnect()
  }
}

async function fetchAll(cluster, job, out) {
  const partitions = Array.from({ length: job.partitions }, (_, partition) => ({ partition }))
  const [start] = await cluster.fetchTopicsOffset([{ topic: job.topic, partitions, fromBeginning: true }])
  const next = new Map(start.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]))
  const leaders = cluster.findLeaderForPartitions(job.topic, [...next.keys()])
  const deadline = Date.now() + job.timeout * 1000
  let count = 0
  while (count < job.expect && Date.now() < deadline) {
    for (const [nodeId, owned] of Object.entries(leaders)) {
      const broker = await cluster.findBroker({ nodeId })
      const { responses } = await broker.fetch(fetchRequest(job, owned, next))
      for (const part of responses.flatMap(({ partitions }) => partitions)) {
        const batch = new Batch(job.topic, String(next.get(part.partition)), part)
        for (const m of batch.messages) {
          fs.writeSync(out, line(m.offset, received(part.partition, m)))
          next.set(part.partition, BigInt(m.offset) + 1n)
          count++
        }
      }
    }
  }
  if (count < job.expect) throw new Error(`Timeout ${count} of ${job.expect} records`)
  return String(count)
}

function fetchRequest(job, owned, next) {
  const maxBytes = job['fetch-bytes'] || 1_048_576
  return {
    maxWaitTime: 500,
    minBytes: job['fetch-bytes'] || 1,
    maxBytes: job['fetch-bytes'] || 52_428_800,
    isolationLevel: job.isolation === 'read_committed' ? 1 : 0,
    topics: [
      {
        topic: job.topic,
        partitions: owned.map(partition => ({ partition, fetchOffset: String(next.get(partition)), maxBytes })),
      },
    ],
  }
}

function received(partition, m) {
  const headers = Object.entries(m.headers).flatMap(([name, value]) =>
    Array.isArray(value) ? value.map(each => [name, each]) : [[name, value]]
  )
  return { partition, timestamp: m.timestamp, key: m.key, value: m.value, headers }
}

// Runs one command, prints its result line, gives the exit code.
async function attempt(job) {
  const what = `${job.command} ${job.topic}`
  try {
    const text = await { create, produce, consume }[job.command](job)
    console.log(`OK ${what} ${text}`)
    return 0
  } catch (error) {
    console.error(error)
    const cause = error.cause ?? error
    console.log(`ERROR ${what} ${error.type ?? cause.type ?? `${error.name} ${error.message}`}`)
    return EXIT_CLIENT_ERROR
  }
}

async function main() {
  await zstd.init()
  const job = parse(process.argv.slice(2))
  if (job.command !== 'run') process.exit(await attempt(job))
  for (const text of fs.readFileSync(job.jobs, 'utf8').trim().split('\n')) {
    const each = { ...parse(text.split(/ +/)), bootstrap: job.bootstrap }
    const code = await attempt(each)
    if (code !== 0) process.exit(code) // the rest would only fail, and late, for the same cause
  }
  process.exit(0)
}

main()
