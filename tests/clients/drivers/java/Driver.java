// Drives Apache Kafka's Java client; the same source is compiled against every
// version under test. It must never retry or repair anything: what the client
// reports is what the harness sees.

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public final class Driver {
    private static final int EXIT_CLIENT_ERROR = 3;
    private static final BufferedReader STDIN = new BufferedReader(new InputStreamReader(System.in));

    private Driver() {}

    public static void main(String[] args) throws Exception {
        Job job = Job.parse(Arrays.asList(args));
        if (!job.command.equals("run")) {
            System.exit(attempt(job));
        }
        for (String line : Files.readAllLines(Path.of(job.text("--jobs")))) {
            Job each = Job.parse(Arrays.asList(line.trim().split(" +"))).at(job.text("--bootstrap"));
            int code = attempt(each);
            if (code != 0) {
                System.exit(code); // the rest would only fail, and late, for the same cause
            }
        }
        System.exit(0);
    }

    /** Runs one command, prints its result line, gives the exit code. */
    private static int attempt(Job job) {
        String what = " " + job.command + " " + job.text("--topic") + " ";
        try {
            System.out.println("OK" + what + perform(job));
            return 0;
        } catch (ExecutionException e) {
            System.out.println("ERROR" + what + e.getCause().getClass().getSimpleName());
        } catch (Exception e) {
            e.printStackTrace();
            System.out.println("ERROR" + what + e.getClass().getSimpleName() + " " + e.getMessage());
        }
        return EXIT_CLIENT_ERROR;
    }

    private static String perform(Job job) throws Exception {
        return switch (job.command) {
            case "create" -> create(job);
            case "produce" -> produce(job);
            case "consume" -> consume(job);
            default -> throw new IllegalArgumentException("unknown command " + job.command);
        };
    }

    private static Map<String, Object> common(Job job) {
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", job.text("--bootstrap"));
        return config;
    }

    private static String create(Job job) throws Exception {
        try (Admin admin = Admin.create(common(job))) {
            NewTopic topic = new NewTopic(
                job.text("--topic"), Optional.of(job.number("--partitions", 1)), Optional.of((short) 1));
            admin.createTopics(List.of(topic.configs(job.config))).all().get();
        }
        return "";
    }

    private static Map<String, Object> producerConfig(Job job) {
        Map<String, Object> config = common(job);
        config.put("compression.type", job.text("--codec", "none"));
        config.put("linger.ms", 5);
        config.put("max.request.size", 100_000_000);
        config.put("buffer.memory", 200_000_000L);
        String acks = job.text("--acks");
        if (!acks.equals("default")) {
            config.put("acks", acks);
            config.put("enable.idempotence", job.has("--idempotent"));
        }
        return config;
    }

    private static String produce(Job job) throws Exception {
        int count = job.number("--count", 0);
        int cut = job.number("--pause-at", count);
        try (var producer = new KafkaProducer<>(
            producerConfig(job), new ByteArraySerializer(), new ByteArraySerializer())) {
            for (int start = 0; start < count; start += cut) {
                int end = Math.min(start + cut, count);
                send(producer, job, start, end);
                if (end < count) {
                    System.out.println("PAUSED");
                    STDIN.readLine();
                }
            }
        }
        return Integer.toString(count);
    }

    private static void send(KafkaProducer<byte[], byte[]> producer, Job job, int start, int end) throws Exception {
        List<Future<RecordMetadata>> reports = new ArrayList<>();
        for (int i = start; i < end; i++) {
            Records.Record r = Records.of(
                job.number("--seed", 0), i, job.number("--partitions", 1), job.number("--size", -1));
            RecordHeaders headers = new RecordHeaders();
            r.headers().forEach(h -> headers.add(h.name(), h.value()));
            reports.add(producer.send(new ProducerRecord<>(
                job.text("--topic"), r.partition(), r.timestamp(), r.key(), r.value(), headers)));
        }
        producer.flush();
        for (Future<RecordMetadata> report : reports) {
            report.get();
        }
    }

    private static Map<String, Object> consumerConfig(Job job) {
        Map<String, Object> config = common(job);
        config.put("enable.auto.commit", false);
        config.put("isolation.level", job.text("--isolation", "read_uncommitted"));
        config.put("max.poll.records", 5000);
        int bytes = job.number("--fetch-bytes", 0);
        if (bytes > 0) {
            config.put("fetch.max.bytes", bytes);
            config.put("max.partition.fetch.bytes", bytes);
            config.put("fetch.min.bytes", bytes);
            config.put("fetch.max.wait.ms", 500);
        }
        return config;
    }

    private static String consume(Job job) throws Exception {
        String topic = job.text("--topic");
        int expect = job.number("--expect", 0);
        List<TopicPartition> parts = IntStream.range(0, job.number("--partitions", 1))
            .mapToObj(p -> new TopicPartition(topic, p)).toList();
        long deadline = System.nanoTime() + job.number("--timeout", 60) * 1_000_000_000L;
        int count = 0;
        double largest;
        try (BufferedWriter out = Files.newBufferedWriter(Path.of(job.text("--out")), StandardCharsets.UTF_8);
            var consumer = new KafkaConsumer<>(
                consumerConfig(job), new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(parts);
            consumer.seekToBeginning(parts);
            while (count < expect && System.nanoTime() < deadline) {
                for (ConsumerRecord<byte[], byte[]> m : consumer.poll(Duration.ofMillis(200))) {
                    out.write(received(m).line(m.offset()));
                    count++;
                }
            }
            largest = largestFetch(consumer);
        }
        if (count < expect) {
            throw new IllegalStateException("Timeout " + count + " of " + expect + " records");
        }
        return count + " largest-fetch=" + (long) largest;
    }

    private static Records.Record received(ConsumerRecord<byte[], byte[]> m) {
        List<Records.Header> headers = new ArrayList<>();
        for (Header h : m.headers()) {
            headers.add(new Records.Header(h.key(), h.value()));
        }
        return new Records.Record(m.partition(), m.timestamp(), m.key(), m.value(), headers);
    }

    private static double largestFetch(KafkaConsumer<byte[], byte[]> consumer) {
        return consumer.metrics().values().stream()
            .filter(m -> m.metricName().name().equals("fetch-size-max") && m.metricName().tags().size() == 1)
            .mapToDouble(m -> (Double) m.metricValue()).max().orElse(0);
    }
}
