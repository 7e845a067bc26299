// Compacts random logs with Apache Kafka's own cleaner, and writes down what was there before and after.
//
//     javac -cp "$KAFKA/*" -d out CleanerVectors.java
//     java -cp "$KAFKA/*:out" org.apache.kafka.storage.internals.log.CleanerVectors to/ 0 20
//
// One file for each seed; tests/cleaner_java.rs reads them. It is in Kafka's package because what says
// which part of a log can be cleaned is visible only there.
package org.apache.kafka.storage.internals.log;

import java.io.DataOutputStream;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.server.common.RequestLocal;
import org.apache.kafka.server.util.Scheduler;
import org.apache.kafka.storage.internals.utils.Throttler;
import org.apache.kafka.storage.log.metrics.BrokerTopicStats;

public class CleanerVectors {
    static final long BEGIN = 1_700_000_000_000L;

    /** A clock that is set. */
    static class Clock implements Time {
        long now = BEGIN;

        public long milliseconds() {
            return now;
        }

        public long nanoseconds() {
            return now * 1_000_000;
        }

        public void sleep(long ms) {
            now += ms;
        }

        public void waitObject(Object object, Supplier<Boolean> condition, long deadline) {
            throw new UnsupportedOperationException();
        }
    }

    /** Runs nothing: what is deleted later stays. */
    static class Idle implements Scheduler {
        final ScheduledExecutorService pool = Executors.newScheduledThreadPool(0);

        public void startup() {
        }

        public void shutdown() {
        }

        public ScheduledFuture<?> schedule(String name, Runnable task, long delay, long period) {
            return pool.schedule(() -> { }, 1, TimeUnit.DAYS);
        }

        public void resizeThreadPool(int size) {
        }
    }

    /** A producer's id, and its next sequence number. */
    static class Producer {
        final long id;
        short epoch = 0;
        int sequence = 0;
        boolean open = false;

        Producer(long id) {
            this.id = id;
        }
    }

    final Random random;
    final Clock clock = new Clock();
    final File dir;
    final int segmentBytes;
    final int indexInterval;
    final long deleteRetention;
    final long minLag;
    final int mapMemory;
    final boolean plain;
    final LogConfig config;
    final List<Producer> idempotent = new ArrayList<>();
    final List<Producer> transactional = new ArrayList<>();
    UnifiedLog log;

    CleanerVectors(long seed, Path root) {
        random = new Random(seed);
        dir = root.resolve("t-0").toFile();
        segmentBytes = 500 + random.nextInt(2000);
        indexInterval = List.of(0, 100, 300, 4096).get(random.nextInt(4));
        deleteRetention = random.nextInt(4) == 0 ? 0 : random.nextInt(2000);
        minLag = random.nextInt(4) == 0 ? random.nextInt(1000) : 0;
        mapMemory = random.nextInt(3) == 0 ? 24 * (2 + random.nextInt(20)) : 1 << 16;
        plain = random.nextInt(2) == 0;
        Map<String, Object> settings = new HashMap<>();
        settings.put("internal.segment.bytes", segmentBytes);
        settings.put("segment.index.bytes", 4096);
        settings.put("index.interval.bytes", indexInterval);
        settings.put("delete.retention.ms", deleteRetention);
        settings.put("min.compaction.lag.ms", minLag);
        settings.put("message.timestamp.type", random.nextInt(5) == 0 ? "LogAppendTime" : "CreateTime");
        config = new LogConfig(settings);
        for (int i = 0; i < 3; i++) {
            idempotent.add(new Producer(100 + i));
            transactional.add(new Producer(200 + i));
        }
    }

    void open() throws IOException {
        log = UnifiedLog.create(dir, config, 0, 0, new Idle(), new BrokerTopicStats(), clock, 900_000,
            new ProducerStateManagerConfig(Integer.MAX_VALUE, false), 600_000, new LogDirFailureChannel(10),
            true, Optional.of(new Uuid(1, 2)));
        log.updateHighWatermark(log.logEndOffset());
    }

    // ---- what is written ----

    Compression codec() {
        CompressionType type = plain ? CompressionType.NONE : CompressionType.forId(random.nextInt(5));
        return Compression.of(type).build();
    }

    SimpleRecord record() {
        byte[] key = random.nextInt(30) == 0 ? null : ("key-" + random.nextInt(12)).getBytes(StandardCharsets.UTF_8);
        byte[] value = random.nextInt(4) == 0 ? null : ("v" + random.nextInt(100)).repeat(random.nextInt(12)).getBytes(StandardCharsets.UTF_8);
        Header[] headers = new Header[random.nextInt(3) == 0 ? random.nextInt(3) : 0];
        for (int i = 0; i < headers.length; i++)
            headers[i] = new RecordHeader("h" + i, random.nextBoolean() ? null : new byte[random.nextInt(5)]);
        return new SimpleRecord(clock.now - random.nextInt(300), key, value, headers);
    }

    SimpleRecord[] records() {
        SimpleRecord[] records = new SimpleRecord[1 + random.nextInt(4)];
        for (int i = 0; i < records.length; i++)
            records[i] = record();
        return records;
    }

    void append() throws IOException {
        clock.now += random.nextInt(40);
        int kind = random.nextInt(10);
        SimpleRecord[] records = records();
        if (kind < 4) {
            log.appendAsLeader(MemoryRecords.withRecords(codec(), records), 0);
        } else if (kind < 6) {
            Producer producer = idempotent.get(random.nextInt(idempotent.size()));
            if (random.nextInt(12) == 0) {
                producer.epoch++;
                producer.sequence = 0;
            }
            log.appendAsLeader(MemoryRecords.withIdempotentRecords(codec(), producer.id, producer.epoch, producer.sequence, records), 0);
            producer.sequence += records.length;
        } else {
            transact(transactional.get(random.nextInt(transactional.size())), records);
        }
    }

    void transact(Producer producer, SimpleRecord[] records) throws IOException {
        if (random.nextInt(3) != 0) {
            log.appendAsLeader(MemoryRecords.withTransactionalRecords(codec(), producer.id, producer.epoch, producer.sequence, records), 0);
            producer.sequence += records.length;
            producer.open = true;
        } else if (producer.open) {
            end(producer);
        }
    }

    void end(Producer producer) throws IOException {
        ControlRecordType type = random.nextBoolean() ? ControlRecordType.COMMIT : ControlRecordType.ABORT;
        if (random.nextInt(4) == 0) {
            producer.epoch++;
            producer.sequence = 0;
        }
        MemoryRecords marker = MemoryRecords.withEndTransactionMarker(0, clock.now, 0, producer.id, producer.epoch, new EndTransactionMarker(type, 7));
        log.appendAsLeader(marker, 0, AppendOrigin.COORDINATOR, RequestLocal.noCaching(), VerificationGuard.SENTINEL, (short) 1);
        producer.open = false;
    }

    void write() throws IOException {
        open();
        int batches = 10 + random.nextInt(50);
        for (int i = 0; i < batches; i++) {
            append();
            log.updateHighWatermark(log.logEndOffset());
            if (random.nextInt(25) == 0 && log.activeSegment().size() > 0)
                log.roll();
        }
        for (Producer producer : transactional)
            if (producer.open && random.nextInt(5) != 0)
                end(producer);
        log.updateHighWatermark(log.logEndOffset());
        log.close();
    }

    // ---- what is noted ----

    void files(DataOutputStream out) throws IOException {
        File[] files = dir.listFiles(file -> !file.getName().endsWith(".deleted"));
        Arrays.sort(files);
        out.writeInt(files.length);
        for (File file : files) {
            byte[] bytes = Files.readAllBytes(file.toPath());
            out.writeUTF(file.getName());
            out.writeInt(bytes.length);
            out.write(bytes);
        }
    }

    long clean(DataOutputStream out, long checkpoint) throws Exception {
        files(out);
        open();
        Optional<Long> known = checkpoint < 0 ? Optional.empty() : Optional.of(checkpoint);
        LogCleanerManager.OffsetsToClean offsets = LogCleanerManager.cleanableOffsets(log, known, clock.now);
        LogToClean cleanable = new LogToClean(log, offsets.firstDirtyOffset(), offsets.firstUncleanableDirtyOffset(), false);
        out.writeLong(log.lastStableOffset());
        out.writeLong(cleanable.firstDirtyOffset());
        out.writeLong(cleanable.firstUncleanableOffset());
        out.writeLong(cleanable.cleanBytes());
        out.writeLong(cleanable.cleanableBytes());
        long upTo = cleanable.firstDirtyOffset();
        if (cleanable.cleanableBytes() > 0) {
            Throttler throttler = new Throttler(Double.MAX_VALUE, 300, "cleaner-io", "bytes", clock);
            Cleaner cleaner = new Cleaner(0, new SkimpyOffsetMap(mapMemory), 1 << 16, 1 << 20, 0.9, throttler, clock, partition -> { });
            upTo = cleaner.doClean(cleanable, clock.now).getKey();
        }
        out.writeLong(upTo);
        log.close();
        files(out);
        for (File file : dir.listFiles(file -> file.getName().endsWith(".deleted")))
            file.delete();
        return upTo;
    }

    void settings(DataOutputStream out, long checkpoint) throws IOException {
        out.writeInt(segmentBytes);
        out.writeInt(indexInterval);
        out.writeLong(deleteRetention);
        out.writeLong(minLag);
        out.writeInt(mapMemory);
        out.writeBoolean(plain);
        out.writeLong(clock.now);
        out.writeLong(checkpoint);
    }

    static void vectors(long seed, Path to) throws Exception {
        Path root = Files.createTempDirectory("cleaner-vectors");
        CleanerVectors vectors = new CleanerVectors(seed, root);
        try (DataOutputStream out = new DataOutputStream(Files.newOutputStream(to.resolve("seed-" + seed + ".bin")))) {
            int rounds = 2 + vectors.random.nextInt(3);
            out.writeInt(rounds);
            long checkpoint = -1;
            for (int round = 0; round < rounds; round++) {
                if (round == 0 || vectors.random.nextInt(3) != 0)
                    vectors.write();
                else if (vectors.random.nextBoolean())
                    checkpoint = -1;
                vectors.clock.now += vectors.random.nextInt(1500);
                vectors.settings(out, checkpoint);
                checkpoint = vectors.clean(out, checkpoint);
            }
        }
        try (var all = Files.walk(root)) {
            all.sorted(java.util.Comparator.reverseOrder()).forEach(path -> path.toFile().delete());
        }
    }

    public static void main(String[] args) throws Exception {
        Path to = Path.of(args[0]);
        Files.createDirectories(to);
        for (long seed = Long.parseLong(args[1]); seed < Long.parseLong(args[2]); seed++)
            vectors(seed, to);
        System.exit(0);
    }
}
