"""Broker settings that scenarios ask for. Each profile is a pair of brokers more, so they are few."""

# Everything that a topic inherits from the broker differs from Kafka's default, and what clients may do
# is restricted. Topics here get their values from the static configuration.
STRICT = {
    "auto.create.topics.enable": "false",
    "delete.topic.enable": "false",
    "num.partitions": "3",
    "message.max.bytes": "2000",
    "log.message.timestamp.type": "LogAppendTime",
    "compression.type": "gzip",
    "log.retention.hours": "7",
    "log.roll.hours": "5",
    "log.segment.bytes": "1048576",
    "log.cleanup.policy": "compact,delete",
    "fetch.max.bytes": "3000",
    "max.request.partition.size.limit": "5",
    "socket.request.max.bytes": "100000",
    "producer.id.expiration.ms": "86000000",
}
