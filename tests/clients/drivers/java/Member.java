// A member of a group with Apache Kafka's Java client (see tests/churn/README.md).
// It must never retry or repair anything: what was not committed is committed
// with what comes next, as any consumer does.

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.FencedInstanceIdException;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.UnknownServerException;
import org.apache.kafka.common.errors.UnreleasedInstanceIdException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

public final class Member implements ConsumerRebalanceListener {
    private static final Duration POLL = Duration.ofMillis(200);
    private static final Duration COMMIT = Duration.ofSeconds(5);
    private static final Map<String, String> ASSIGNORS = Map.of(
        "range", "RangeAssignor", "roundrobin", "RoundRobinAssignor", "sticky", "StickyAssignor",
        "cooperative-sticky", "CooperativeStickyAssignor");

    private final String topic;
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final TreeSet<Integer> owned = new TreeSet<>();
    private final Map<Integer, Long> pending = new TreeMap<>();
    private final AtomicLong stall = new AtomicLong();
    private volatile boolean quit;

    private Member(Map<String, String> options) {
        topic = options.get("--topic");
        consumer = new KafkaConsumer<>(config(options), new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    public static void main(String[] args) {
        Map<String, String> options = new HashMap<>();
        for (int i = 0; i + 1 < args.length; i += 2) {
            options.put(args[i], args[i + 1]);
        }
        Member member = new Member(options);
        Thread commands = new Thread(member::listen);
        commands.setDaemon(true);
        commands.start();
        member.live();
        System.exit(0);
    }

    private static boolean classic(Map<String, String> options) {
        return !options.getOrDefault("--protocol", "classic").equals("consumer");
    }

    private static Integer number(Map<String, String> options, String name, String otherwise) {
        return Integer.valueOf(options.getOrDefault(name, otherwise));
    }

    private static Map<String, Object> config(Map<String, String> options) {
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", options.get("--bootstrap"));
        config.put("group.id", options.get("--group"));
        config.put("max.poll.interval.ms", number(options, "--max-poll-ms", "10000"));
        config.put("enable.auto.commit", false);
        config.put("auto.offset.reset", "earliest");
        config.put("fetch.max.wait.ms", 100);
        if (options.containsKey("--instance")) {
            config.put("group.instance.id", options.get("--instance"));
        }
        String assignor = options.get("--assignor");
        if (classic(options)) {
            config.put("partition.assignment.strategy",
                "org.apache.kafka.clients.consumer." + ASSIGNORS.get(assignor));
            config.put("session.timeout.ms", number(options, "--session-ms", "6000"));
            config.put("heartbeat.interval.ms", number(options, "--heartbeat-ms", "1000"));
        } else {
            config.put("group.protocol", "consumer");
            config.put("group.remote.assignor", assignor);
        }
        return config;
    }

    /** Commands from stdin; its end means `quit` too. */
    private void listen() {
        try (BufferedReader in = new BufferedReader(new InputStreamReader(System.in))) {
            for (String line = in.readLine(); line != null && !line.equals("quit"); line = in.readLine()) {
                if (line.startsWith("stall ")) {
                    stall.set(Long.parseLong(line.substring(6)));
                }
            }
        } catch (IOException e) {
            say("error", text("why", e.toString()));
        }
        quit = true;
    }

    private void live() {
        say("start", "");
        consumer.subscribe(List.of(topic), this);
        while (!quit) {
            stallIfAsked();
            try {
                read(consumer.poll(POLL));
                commit();
            } catch (FencedInstanceIdException | UnreleasedInstanceIdException | UnknownServerException
                    | GroupIdNotFoundException e) {
                say("fatal", text("why", e.getClass().getSimpleName()));
                Runtime.getRuntime().halt(1);
            } catch (KafkaException e) {
                say("error", text("why", e.getClass().getSimpleName()));
            }
        }
        consumer.close();
        say("end", "");
    }

    private void stallIfAsked() {
        long ms = stall.getAndSet(0);
        if (ms > 0) {
            say("stall", ",\"ms\":" + ms);
            try {
                Thread.sleep(ms);
            } catch (InterruptedException e) {
                quit = true;
            }
            say("resume", "");
        }
    }

    private void read(ConsumerRecords<byte[], byte[]> records) {
        for (TopicPartition part : records.partitions()) {
            List<ConsumerRecord<byte[], byte[]>> found = records.records(part);
            long first = found.get(0).offset();
            long last = found.get(found.size() - 1).offset();
            say("read", ",\"p\":" + part.partition() + ",\"from\":" + first + ",\"to\":" + last
                + ",\"n\":" + found.size());
            pending.put(part.partition(), last + 1);
        }
    }

    private void commit() {
        if (pending.isEmpty()) {
            return;
        }
        Map<TopicPartition, OffsetAndMetadata> wanted = new HashMap<>();
        pending.forEach((p, offset) -> wanted.put(new TopicPartition(topic, p), new OffsetAndMetadata(offset)));
        String offsets = ",\"o\":" + pending.entrySet().stream()
            .map(e -> "\"" + e.getKey() + "\":" + e.getValue()).collect(Collectors.joining(",", "{", "}"));
        say("commit", offsets);
        try {
            consumer.commitSync(wanted, COMMIT);
            say("committed", offsets);
            pending.clear();
        } catch (FencedInstanceIdException e) {
            throw e;
        } catch (KafkaException e) {
            say("refused", offsets + text("why", e.getClass().getSimpleName()));
        }
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> parts) {
        ConsumerGroupMetadata group = consumer.groupMetadata();
        TreeSet<Integer> added = numbers(parts);
        pending.keySet().removeAll(added);
        owns(numbers(consumer.assignment()));
        say("assigned", ",\"gen\":" + group.generationId() + text("member", group.memberId())
            + ",\"added\":" + added + ",\"owned\":" + owned);
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> parts) {
        gone("revoked", parts);
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> parts) {
        gone("lost", parts);
    }

    private void gone(String event, Collection<TopicPartition> parts) {
        TreeSet<Integer> gone = numbers(parts);
        TreeSet<Integer> left = numbers(consumer.assignment());
        left.removeAll(gone);
        owns(left);
        say(event, ",\"parts\":" + gone + ",\"owned\":" + owned);
    }

    // Not the sum of the callbacks: the new protocol's consumer may lose partitions of which it has not
    // told yet, and then tells that they are assigned, but never that they are lost.
    private void owns(TreeSet<Integer> parts) {
        owned.clear();
        owned.addAll(parts);
        pending.keySet().retainAll(parts);
    }

    private static TreeSet<Integer> numbers(Collection<TopicPartition> parts) {
        return parts.stream().map(TopicPartition::partition).collect(Collectors.toCollection(TreeSet::new));
    }

    private static String text(String name, String value) {
        return ",\"" + name + "\":\"" + value.replaceAll("[\\\\\"\\p{Cntrl}]", "?") + "\"";
    }

    /** One line, whole and at once; the rest is JSON that begins with a comma. */
    private static synchronized void say(String event, String rest) {
        System.out.print("{\"t\":" + System.currentTimeMillis() + ",\"e\":\"" + event + "\"" + rest + "}\n");
        System.out.flush();
    }
}
