package uis;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * What the pages are opened on: a topic with a batch of every codec, headers and tombstones in each of its partitions, a
 * compacted one, an empty one, a group without members that is behind, and one with a member of each protocol. Knows what a
 * page has to show of them.
 */
final class Cluster implements AutoCloseable {
    static final int PARTITIONS = 3;
    static final long SECONDS = 60;
    private static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");
    private static final int EACH = 10;
    /** The end of every partition of `mixed`. */
    static final long END = (long) CODECS.size() * EACH;
    private static final long HOUR = 3_600_000;

    final String address;
    final String prefix;
    final String mixed;
    final String compacted;
    final String empty;
    /** Committed 10, 20 and 30; nobody is in it. */
    final String behind;
    final List<Member> members = new ArrayList<>();
    final Admin admin;
    /** A setting of the broker that may be changed, and what to; it is back where it was at the end. */
    final String setting;
    final String changed;
    private final long start = System.currentTimeMillis() - HOUR;

    Cluster(String address, String prefix, String[] change) throws Exception {
        this.address = address;
        this.prefix = prefix;
        setting = change[0];
        changed = change[1];
        mixed = prefix + "-mixed";
        compacted = prefix + "-compacted";
        empty = prefix + "-empty";
        behind = prefix + "-behind";
        admin = Admin.create(config());
        create(mixed, Map.of("retention.ms", "86400000"));
        create(compacted, Map.of("cleanup.policy", "compact"));
        create(empty, Map.of());
        members.add(new Member(this, prefix + "-classic", Map.of("group.protocol", "classic")));
        members.add(new Member(this, prefix + "-modern", Map.of("group.protocol", "consumer")));
        members.forEach(Thread::start);
        for (String codec : CODECS) {
            fill(mixed, codec);
        }
        fill(compacted, "lz4");
        try (var consumer = consumer(Map.of("group.id", behind))) {
            Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
            partitions(mixed).forEach(each -> offsets.put(each, new OffsetAndMetadata(committed(each.partition()))));
            consumer.commitSync(offsets);
        }
    }

    /** The settings that every client of a page begins with. */
    Map<String, Object> config() {
        return new HashMap<>(Map.of("bootstrap.servers", address, "client.id", prefix));
    }

    KafkaConsumer<byte[], byte[]> consumer(Map<String, Object> settings) {
        Map<String, Object> config = config();
        config.put("enable.auto.commit", false);
        config.put("auto.offset.reset", "earliest");
        config.put("fetch.max.wait.ms", 50); // a consumer's end waits for the fetch that it has sent ahead
        config.putAll(settings);
        return new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    KafkaProducer<byte[], byte[]> producer(Map<String, Object> settings) {
        Map<String, Object> config = config();
        config.putAll(settings);
        return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
    }

    void create(String topic, Map<String, String> settings) throws Exception {
        NewTopic wanted = new NewTopic(topic, Optional.of(PARTITIONS), Optional.of((short) 1));
        get(admin.createTopics(List.of(wanted.configs(settings))).all());
        again(() -> get(admin.describeTopics(List.of(topic)).allTopicNames()));
    }

    /** Whether a topic or group is here to stay: those of other interfaces, opened at the same time, come and go. */
    boolean stays(String name) {
        return !name.startsWith("ui-") || name.startsWith(prefix);
    }

    /** A topic of the page's own, with ten records in each partition. */
    String own(String name) throws Exception {
        String topic = prefix + "-" + name;
        create(topic, Map.of());
        fill(topic, "none");
        return topic;
    }

    /** One batch for each partition. */
    private void fill(String topic, String codec) throws Exception {
        try (var producer = producer(Map.of("compression.type", codec, "linger.ms", 1000))) {
            for (TopicPartition each : partitions(topic)) {
                long first = topic.equals(mixed) ? (long) CODECS.indexOf(codec) * EACH : 0;
                for (long offset = first; offset < first + EACH; offset++) {
                    producer.send(new ProducerRecord<>(topic, each.partition(), time(each.partition(), offset),
                        key(offset), value(offset), headers(offset)));
                }
            }
            producer.flush();
        }
    }

    static List<TopicPartition> partitions(String topic) {
        return IntStream.range(0, PARTITIONS).mapToObj(each -> new TopicPartition(topic, each)).toList();
    }

    static long committed(int partition) {
        return 10L * (partition + 1);
    }

    /** How far `behind` is behind in all. */
    static long lag() {
        return IntStream.range(0, PARTITIONS).mapToLong(each -> END - committed(each)).sum();
    }

    /** A second between records of a partition. */
    long time(int partition, long offset) {
        return start + 1000 * offset + partition;
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] key(long offset) {
        return bytes("key-" + offset % EACH);
    }

    /** The last one of each batch is a tombstone. */
    private static byte[] value(long offset) {
        return offset % EACH == EACH - 1 ? null : bytes("{\"offset\":" + offset + ",\"text\":\"" + "x".repeat(100) + "\"}");
    }

    private static List<Header> headers(long offset) {
        return List.of(new RecordHeader("trace-id", bytes("t" + offset)), new RecordHeader("nothing", null));
    }

    /** Whether a page shows this record of `mixed` as it was sent. */
    void same(ConsumerRecord<byte[], byte[]> record) {
        long offset = record.offset();
        String where = record.topic() + "-" + record.partition() + "@" + offset;
        check(Arrays.equals(record.key(), key(offset)), "key of " + where);
        check(Arrays.equals(record.value(), value(offset)), "value of " + where);
        check(record.timestamp() == time(record.partition(), offset), "timestamp of " + where);
        check(Arrays.equals(record.headers().toArray(), headers(offset).toArray()), "headers of " + where);
    }

    /** Whether these are the records from here to there, each one and in order. */
    void range(List<ConsumerRecord<byte[], byte[]>> records, long from, long to) {
        equal(records.stream().map(ConsumerRecord::offset).toList(), LongRange.of(from, to), "offsets");
        records.forEach(this::same);
    }

    /** Polls as a page does: until it has the records before these offsets. */
    Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> read(
            KafkaConsumer<byte[], byte[]> consumer, Map<TopicPartition, Long> ends, Duration poll) {
        Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> found = new HashMap<>();
        Set<TopicPartition> wanted = new HashSet<>(ends.keySet());
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
        while (!wanted.isEmpty()) {
            check(System.nanoTime() < deadline, "records of " + wanted + " before " + ends);
            ConsumerRecords<byte[], byte[]> polled = consumer.poll(poll);
            for (ConsumerRecord<byte[], byte[]> record : polled) {
                TopicPartition at = new TopicPartition(record.topic(), record.partition());
                if (record.offset() < ends.get(at)) {
                    found.computeIfAbsent(at, unused -> new ArrayList<>()).add(record);
                }
            }
            wanted.removeIf(each -> consumer.position(each) >= ends.get(each));
        }
        return found;
    }

    @Override
    public void close() {
        members.forEach(Member::leave);
        admin.close();
    }

    /** What a future has, or its own error. */
    static <T> T get(KafkaFuture<T> future) throws Exception {
        try {
            return future.get(SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof Exception cause ? cause : e;
        }
    }

    /** The error that a page expects and shows, or takes for "there is none". */
    static void fails(KafkaFuture<?> future, Class<? extends Exception> error, String message) throws Exception {
        try {
            get(future);
        } catch (Exception e) {
            equal(e.getClass().getSimpleName() + ": " + e.getMessage(), error.getSimpleName() + ": " + message, "error");
            return;
        }
        throw new AssertionError("no " + error.getSimpleName());
    }

    /** A call, or a look at what it did, that may be too early: a broker learns of changes after they were answered. */
    interface Look {
        void now() throws Exception;
    }

    /** The interfaces look again too, every half second or less. */
    static void again(Look look) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        while (true) {
            try {
                look.now();
                return;
            } catch (Exception | AssertionError e) {
                if (System.nanoTime() > deadline) {
                    throw e;
                }
                Thread.sleep(20);
            }
        }
    }

    static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    static void equal(Object found, Object wanted, String what) {
        check(wanted.equals(found), what + ": " + found + " instead of " + wanted);
    }

    static <K> Map<K, Long> all(Collection<K> keys, long value) {
        Map<K, Long> map = new HashMap<>();
        keys.forEach(each -> map.put(each, value));
        return map;
    }

    /** Offsets from here to there, without the last. */
    private static final class LongRange {
        static List<Long> of(long from, long to) {
            return java.util.stream.LongStream.range(from, to).boxed().toList();
        }
    }

    /** A member that has read all of `mixed`, and stays. */
    static final class Member extends Thread {
        final String group;
        final CountDownLatch ready = new CountDownLatch(1);
        private final KafkaConsumer<byte[], byte[]> consumer;
        private final String topic;
        private volatile boolean leave;
        private volatile RuntimeException failure;

        Member(Cluster cluster, String group, Map<String, Object> settings) {
            this.group = group;
            topic = cluster.mixed;
            Map<String, Object> all = new HashMap<>(settings);
            all.put("group.id", group);
            all.put("client.id", group + "-member");
            consumer = cluster.consumer(all);
        }

        @Override
        public void run() {
            Map<Integer, Long> next = new TreeMap<>();
            try (consumer) {
                consumer.subscribe(List.of(topic));
                while (!leave) {
                    for (var record : consumer.poll(Duration.ofMillis(100))) {
                        next.put(record.partition(), record.offset() + 1);
                    }
                    if (ready.getCount() > 0 && next.equals(Map.of(0, END, 1, END, 2, END))) {
                        consumer.commitSync();
                        ready.countDown();
                    }
                }
            } catch (RuntimeException e) {
                failure = e;
                ready.countDown();
            }
        }

        void await() throws InterruptedException {
            check(ready.await(SECONDS, TimeUnit.SECONDS), "the member of " + group + " has not read all");
            if (failure != null) {
                throw failure;
            }
        }

        void leave() {
            leave = true;
            try {
                join();
            } catch (InterruptedException e) {
                interrupt();
            }
        }
    }
}
