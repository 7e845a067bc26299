package uis;

import static uis.Cluster.END;
import static uis.Cluster.all;
import static uis.Cluster.check;
import static uis.Cluster.equal;
import static uis.Cluster.get;
import static uis.Cluster.partitions;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConfigEntry.ConfigSource;
import org.apache.kafka.clients.admin.ConsumerGroupListing;
import org.apache.kafka.clients.admin.DeleteTopicsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.SecurityDisabledException;

/** Kafdrop 4: one admin client and one consumer, which belongs to no group. */
@SuppressWarnings({"deprecation", "removal"})
final class Kafdrop extends Ui {
    private static final Duration POLL = Duration.ofMillis(200);
    /** A cluster that is new has it set for all brokers, and so for all topics (eligible leader replicas, KIP-966). */
    private static final String ELR = "min.insync.replicas";
    private final Admin admin;
    private final KafkaConsumer<byte[], byte[]> consumer;

    Kafdrop(Cluster cluster) {
        super(cluster);
        Map<String, Object> config = cluster.config();
        config.put("client.id", "kafdrop-admin");
        admin = Admin.create(config);
        consumer = cluster.consumer(Map.of("client.id", "kafdrop-consumer", "max.poll.records", 100,
            "isolation.level", "read_committed"));
    }

    @Override
    void pages() {
        page("cluster overview", this::overview);
        page("broker", this::broker);
        page("topic", this::topic);
        page("topic messages", this::messages);
        page("topic messages of all partitions", this::allMessages);
        page("topic search", this::search);
        page("topic: add a message", this::add);
        page("consumer group", this::group);
        page("acl", () -> Cluster.fails(admin.describeAcls(AclBindingFilter.ANY).values(),
            SecurityDisabledException.class, NO_AUTHORIZER));
        page("create and delete topic", this::create);
    }

    @Override
    public void close() {
        consumer.close();
        admin.close();
    }

    /** The topics' partitions, and their settings that are not defaults. */
    private Map<String, Map<String, String>> settings(Set<String> topics) throws Exception {
        List<ConfigResource> resources = topics.stream()
            .map(topic -> new ConfigResource(ConfigResource.Type.TOPIC, topic)).toList();
        Map<String, Map<String, String>> shown = new HashMap<>();
        for (Map.Entry<ConfigResource, Config> each : get(admin.describeConfigs(resources).all()).entrySet()) {
            shown.put(each.getKey().name(), each.getValue().entries().stream()
                .filter(entry -> entry.source() != ConfigSource.DEFAULT_CONFIG
                    && entry.source() != ConfigSource.STATIC_BROKER_CONFIG)
                .collect(Collectors.toMap(ConfigEntry::name, ConfigEntry::value)));
        }
        equal(shown.keySet(), topics, "topics with settings");
        return shown;
    }

    private void overview() throws Exception {
        broker();
        Map<String, List<PartitionInfo>> topics = new HashMap<>(consumer.listTopics());
        topics.keySet().removeIf(each -> !cluster.stays(each));
        check(topics.keySet().containsAll(Set.of(cluster.mixed, cluster.compacted, cluster.empty)), "topics " + topics);
        for (List<PartitionInfo> partitions : topics.values()) {
            for (PartitionInfo each : partitions) {
                check(each.leader() != null && each.inSyncReplicas().length == each.replicas().length
                    && each.offlineReplicas().length == 0 && each.leader().id() == each.replicas()[0].id(),
                    "not led by the preferred replica, or under-replicated: " + each);
            }
        }
        equal(topics.get(cluster.mixed).size(), Cluster.PARTITIONS, "partitions");
        Map<String, Map<String, String>> settings = settings(topics.keySet());
        equal(settings.get(cluster.compacted), Map.of("cleanup.policy", "compact", ELR, "1"), "settings");
        equal(settings.get(cluster.empty), Map.of(ELR, "1"), "settings");
    }

    private void broker() throws Exception {
        var described = admin.describeCluster();
        List<Node> nodes = new ArrayList<>(get(described.nodes()));
        equal(nodes.size(), 1, "nodes");
        equal(nodes.get(0).host() + ":" + nodes.get(0).port(), cluster.address, "address");
        equal(get(described.controller()).id(), nodes.get(0).id(), "controller");
        check(!get(described.clusterId()).isEmpty(), "no cluster id");
    }

    private void sizes(String topic, long end) {
        consumer.assign(partitions(topic));
        equal(consumer.beginningOffsets(partitions(topic)), all(partitions(topic), 0), "first offsets of " + topic);
        equal(consumer.endOffsets(partitions(topic)), all(partitions(topic), end), "last offsets of " + topic);
    }

    /** Every group's offsets. */
    private Map<String, Map<TopicPartition, OffsetAndMetadata>> offsets() throws Exception {
        Map<String, Map<TopicPartition, OffsetAndMetadata>> found = new HashMap<>();
        for (ConsumerGroupListing each : get(admin.listConsumerGroups().valid())) {
            if (cluster.stays(each.groupId())) {
                found.put(each.groupId(),
                    get(admin.listConsumerGroupOffsets(each.groupId()).partitionsToOffsetAndMetadata()));
            }
        }
        return found;
    }

    private void topic() throws Exception {
        Map<String, List<PartitionInfo>> topics = consumer.listTopics();
        equal(settings(Set.of(cluster.mixed)).get(cluster.mixed), Map.of("retention.ms", "86400000", ELR, "1"), "settings");
        equal(topics.get(cluster.mixed).size(), Cluster.PARTITIONS, "partitions");
        sizes(cluster.mixed, END);
        sizes(cluster.empty, 0);
        for (Cluster.Member member : cluster.members) {
            member.await();
        }
        var offsets = offsets();
        Set<String> groups = new HashSet<>(Set.of(cluster.behind));
        cluster.members.forEach(member -> groups.add(member.group));
        equal(offsets.entrySet().stream()
            .filter(each -> each.getValue().keySet().stream().anyMatch(at -> at.topic().equals(cluster.mixed)))
            .map(Map.Entry::getKey).collect(Collectors.toSet()), groups, "groups of the topic");
        cluster.members.forEach(member -> equal(lag(offsets.get(member.group)), 0L, "lag of " + member.group));
    }

    private static long lag(Map<TopicPartition, OffsetAndMetadata> offsets) {
        return offsets.values().stream().mapToLong(each -> END - each.offset()).sum();
    }

    private void group() throws Exception {
        Map<TopicPartition, OffsetAndMetadata> offsets = offsets().get(cluster.behind);
        equal(offsets.keySet(), new HashSet<>(partitions(cluster.mixed)), "partitions with offsets");
        equal(lag(offsets), Cluster.lag(), "lag");
        settings(Set.of(cluster.mixed));
        sizes(cluster.mixed, END);
    }

    private void messages() throws Exception {
        for (TopicPartition each : partitions(cluster.mixed)) {
            consumer.assign(List.of(each));
            consumer.seek(each, 5);
            equal(consumer.beginningOffsets(List.of(each)), Map.of(each, 0L), "first offset");
            equal(consumer.endOffsets(List.of(each)), Map.of(each, END), "last offset");
            cluster.range(cluster.read(consumer, Map.of(each, END), POLL).get(each), 5, END);
        }
    }

    private void allMessages() throws Exception {
        equal(consumer.partitionsFor(cluster.mixed).size(), Cluster.PARTITIONS, "partitions");
        consumer.assign(partitions(cluster.mixed));
        Map<TopicPartition, Long> ends = consumer.endOffsets(partitions(cluster.mixed));
        ends.forEach((each, end) -> consumer.seek(each, end - 1 - 15));
        cluster.read(consumer, ends, POLL).values().forEach(found -> cluster.range(found, END - 16, END));
    }

    /** From a time on, until as many are found as were wanted. */
    private void search() throws Exception {
        long from = 20;
        Map<TopicPartition, Long> times = new HashMap<>();
        partitions(cluster.mixed).forEach(each -> times.put(each, cluster.time(each.partition(), from)));
        consumer.assign(partitions(cluster.mixed));
        for (Map.Entry<TopicPartition, OffsetAndTimestamp> each : consumer.offsetsForTimes(times).entrySet()) {
            equal(each.getValue().offset(), from, "offset for the time in " + each.getKey());
            consumer.seek(each.getKey(), each.getValue().offset());
        }
        String words = "\"offset\":42,";
        List<ConsumerRecord<byte[], byte[]>> found = new ArrayList<>();
        cluster.read(consumer, all(partitions(cluster.mixed), END), Duration.ofSeconds(1)).values()
            .forEach(each -> each.stream().filter(record -> record.value() != null
                && new String(record.value(), java.nio.charset.StandardCharsets.UTF_8).contains(words)).forEach(found::add));
        equal(found.stream().map(ConsumerRecord::offset).toList(), List.of(42L, 42L, 42L), "found");
    }

    private void add() throws Exception {
        String topic = cluster.own("kafdrop-add");
        try (var producer = cluster.producer(Map.of("client.id", "kafdrop-producer", "acks", "all", "retries", 0,
                "linger.ms", 1))) {
            equal(producer.send(new ProducerRecord<>(topic, 1, Cluster.bytes("k"), Cluster.bytes("v"))).get().offset(), 10L,
                "offset");
        }
        get(admin.deleteTopics(List.of(topic), new DeleteTopicsOptions().timeoutMs(5000)).all());
    }

    private void create() throws Exception {
        String topic = cluster.prefix + "-kafdrop-created";
        get(admin.createTopics(List.of(new NewTopic(topic, 2, (short) 1))).all());
        Cluster.again(() -> equal(consumer.listTopics().getOrDefault(topic, List.of()).size(), 2, "partitions"));
        get(admin.deleteTopics(List.of(topic), new DeleteTopicsOptions().timeoutMs(5000)).all());
        Cluster.again(() -> check(!consumer.listTopics().containsKey(topic), "still there"));
    }
}
