// A member of a group with kafkajs (see tests/churn/README.md). It must never
// retry or repair anything: what was not committed is committed with what
// comes next, as any consumer does.
'use strict'

const fs = require('fs')
const readline = require('readline')
const { parseArgs } = require('util')
const { Kafka, PartitionAssigners, logLevel } = require('kafkajs')
const ConsumerGroup = require('kafkajs/src/consumer/consumerGroup')

const OPTIONS = {
  bootstrap: { type: 'string' },
  topic: { type: 'string' },
  group: { type: 'string' },
  assignor: { type: 'string' },
  protocol: { type: 'string', default: 'classic' },
  'session-ms': { type: 'string', default: '6000' },
  'heartbeat-ms': { type: 'string', default: '1000' },
  'max-poll-ms': { type: 'string', default: '10000' },
}
const job = parseArgs({ options: OPTIONS }).values
let group
let owned = new Set()
let joining = false
let generation = -1
const pending = new Map()

const numbers = set => [...set].sort((a, b) => a - b)

// One line, whole and at once, even when the process ends right after.
function say(e, fields = {}) {
  fs.writeSync(1, JSON.stringify({ t: Date.now(), e, ...fields }) + '\n')
}

function assigned(gen) {
  const topics = group.assigned().filter(({ topic }) => topic === job.topic)
  owned = new Set(topics.flatMap(({ partitions }) => partitions))
  pending.clear()
  const parts = numbers(owned)
  say('assigned', { gen, member: group.memberId, added: parts, owned: parts })
}

function revoked() {
  if (owned.size === 0) return
  say('revoked', { parts: numbers(owned), owned: [] })
  owned = new Set()
  pending.clear()
}

// The public events do not tell the generation. What the group object does is
// not changed: the assignment is said as soon as it is there, what was owned
// is given up before the group is joined again.
const joinAndSync = ConsumerGroup.prototype.joinAndSync
ConsumerGroup.prototype.joinAndSync = async function () {
  group = this
  revoked()
  joining = true
  try {
    const result = await joinAndSync.call(this)
    generation = group.generationId
    assigned(generation)
    return result
  } finally {
    joining = false
  }
}
const leave = ConsumerGroup.prototype.leave
ConsumerGroup.prototype.leave = function () {
  revoked()
  return leave.call(this)
}

async function commit(commitOffsets) {
  const o = Object.fromEntries(pending)
  const partitions = [...pending].map(([partition, next]) => ({ partition, offset: String(next) }))
  say('commit', { o })
  try {
    // Unlike consumer.commitOffsets, which ends the consumer when the group has thrown it out.
    await commitOffsets({ topics: [{ topic: job.topic, partitions }] })
    say('committed', { o })
    for (const { partition, offset } of partitions) {
      if (String(pending.get(partition)) === offset) pending.delete(partition)
    }
  } catch (error) {
    say('refused', { o, why: error.type ?? error.name })
    throw error
  }
}

async function eachBatch({ batch, resolveOffset, heartbeat, isStale, commitOffsetsIfNecessary }) {
  if (isStale() || batch.messages.length === 0) return
  // When a connection is lost while kafkajs (2.2.4) joins anew, it reads on as nobody's member and asks
  // for nothing that would tell it so. This is what a broker would answer.
  if (group.memberId === null) throw Object.assign(new Error('not a member'), { type: 'UNKNOWN_MEMBER_ID' })
  // Its join was cut off with its connection, and it goes on as the member that it was: a broker that comes
  // back knows it as such. What it has is of the generation before.
  if (!joining && owned.size === 0) assigned(generation)
  const offsets = batch.messages.map(m => Number(m.offset))
  const last = offsets[offsets.length - 1]
  say('read', { p: batch.partition, from: offsets[0], to: last, n: offsets.length })
  resolveOffset(String(last))
  if (!owned.has(batch.partition)) return
  pending.set(batch.partition, last + 1)
  await commit(commitOffsetsIfNecessary)
  await heartbeat()
}

// kafkajs connects as often as it takes, but what subscribe asks is lost when the broker is killed just then.
async function begin(consumer) {
  for (;;) {
    try {
      await consumer.connect()
      return await consumer.subscribe({ topic: job.topic, fromBeginning: true })
    } catch (error) {
      if (error.name !== 'KafkaJSConnectionClosedError') throw error
    }
  }
}

async function main() {
  const retry = { initialRetryTime: 100, maxRetryTime: 1000, retries: 1000 }
  const kafka = new Kafka({ brokers: [job.bootstrap], logLevel: logLevel.NOTHING, retry })
  const consumer = kafka.consumer({
    groupId: job.group,
    partitionAssigners: [PartitionAssigners.roundRobin],
    sessionTimeout: Number(job['session-ms']),
    heartbeatInterval: Number(job['heartbeat-ms']),
    rebalanceTimeout: Number(job['max-poll-ms']),
    maxWaitTimeInMs: 100,
    retry,
  })
  consumer.on(consumer.events.CRASH, ({ payload }) => say('error', { why: String(payload.error) }))
  const commands = readline.createInterface({ input: process.stdin })
  const quit = new Promise(resolve => {
    commands.on('line', line => line === 'quit' && resolve())
    commands.on('close', resolve)
  })
  say('start', { pid: process.pid })
  await begin(consumer)
  await consumer.run({ autoCommit: false, eachBatch })
  await quit
  await consumer.disconnect()
  say('end')
  process.exit(0)
}

main().catch(error => {
  say('error', { why: String(error) })
  process.exit(1)
})
