package uis;

import static uis.Cluster.END;
import static uis.Cluster.all;
import static uis.Cluster.bytes;
import static uis.Cluster.check;
import static uis.Cluster.equal;
import static uis.Cluster.get;
import static uis.Cluster.partitions;

import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConfigEntry.ConfigSource;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.LogDirDescription;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.SecurityDisabledException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/** Of Kafbat's kafka-ui: one admin client, a consumer without a group for each look at messages, and the topics' pages. */
@SuppressWarnings({"deprecation", "removal"})
abstract class KafbatTopics extends Ui {
    private static final Duration POLL = Duration.ofSeconds(1);
    final Admin admin;

    KafbatTopics(Cluster cluster) {
        super(cluster);
        Map<String, Object> config = cluster.config();
        config.put("client.id", "kafbat-ui-admin");
        admin = Admin.create(config);
    }

    @Override
    void pages() {
        page("topics", this::topics);
        page("topic: overview", () -> offsets(cluster.mixed, END));
        page("topic: messages, newest", this::newest);
        page("topic: messages, oldest", this::oldest);
        page("topic: messages, live", this::live);
        page("topic: settings", this::settings);
        page("topic: statistics", this::statistics);
        page("topic: active producers", this::producers);
        page("topic: create, edit, add partitions, clone", this::create);
        page("topic: produce, purge", this::produce);
        page("topic: recreate", this::recreate);
        page("topic: one that is not there", this::none);
        page("topic: change the replication factor", this::replication);
    }

    @Override
    public void close() {
        admin.close();
    }

    KafkaConsumer<byte[], byte[]> consumer() {
        return cluster.consumer(Map.of("client.id", "kafbat-ui-consumer", "allow.auto.create.topics", false));
    }

    Node node() throws Exception {
        var described = admin.describeCluster(new DescribeClusterOptions().includeAuthorizedOperations(true));
        Collection<Node> nodes = get(described.nodes());
        equal(nodes.stream().map(each -> each.host() + ":" + each.port()).toList(), List.of(cluster.address), "nodes");
        check(nodes.contains(get(described.controller())), "the controller is no node");
        check(!get(described.clusterId()).isEmpty(), "no cluster id");
        equal(get(described.authorizedOperations()), Set.of(AclOperation.CREATE, AclOperation.ALTER, AclOperation.DESCRIBE,
            AclOperation.CLUSTER_ACTION, AclOperation.DESCRIBE_CONFIGS, AclOperation.ALTER_CONFIGS,
            AclOperation.IDEMPOTENT_WRITE), "operations");
        return nodes.iterator().next();
    }

    ConfigResource broker() throws Exception {
        return new ConfigResource(ConfigResource.Type.BROKER, node().idString());
    }

    static ConfigResource topic(String topic) {
        return new ConfigResource(ConfigResource.Type.TOPIC, topic);
    }

    void noAcls() throws Exception {
        Cluster.fails(admin.describeAcls(AclBindingFilter.ANY).values(), SecurityDisabledException.class, NO_AUTHORIZER);
    }

    void sizes(String topic) throws Exception {
        Map<String, LogDirDescription> found =
            get(admin.describeLogDirs(List.of(node().id())).allDescriptions()).get(node().id());
        equal(found.size(), 1, "directories");
        LogDirDescription directory = found.values().iterator().next();
        check(directory.error() == null && directory.totalBytes().orElse(0) > 0 && directory.usableBytes().orElse(0) > 0,
            "directory " + directory);
        partitions(topic).forEach(each -> check(directory.replicaInfos().get(each).size() > 0, "size of " + each));
    }

    private <K, V> Map<K, V> each(Map<K, org.apache.kafka.common.KafkaFuture<V>> futures) throws Exception {
        Map<K, V> found = new HashMap<>();
        for (var each : futures.entrySet()) {
            found.put(each.getKey(), get(each.getValue()));
        }
        return found;
    }

    void topics() throws Exception {
        Set<String> names = new HashSet<>(names());
        names.removeIf(each -> !cluster.stays(each));
        check(names.containsAll(Set.of(cluster.mixed, cluster.compacted, cluster.empty, "__consumer_offsets")),
            "topics " + names);
        Map<String, TopicDescription> described = each(admin.describeTopics(names).topicNameValues());
        Map<ConfigResource, Config> configs = each(admin.describeConfigs(names.stream().map(Kafbat::topic).toList(),
            new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(false)).values());
        equal(described.keySet(), names, "described topics");
        equal(configs.keySet(), names.stream().map(Kafbat::topic).collect(Collectors.toSet()), "topics with settings");
        for (TopicDescription each : described.values()) {
            each.partitions().forEach(at -> equal(at.isr(), at.replicas(), "in sync of " + each.name()));
        }
        setting(configs.get(topic(cluster.compacted)), "cleanup.policy", "compact", ConfigSource.DYNAMIC_TOPIC_CONFIG);
        equal(described.get(cluster.mixed).partitions().size(), Cluster.PARTITIONS, "partitions");
        offsets(cluster.mixed, END);
        offsets(cluster.empty, 0);
        sizes(cluster.mixed);
    }

    Map<TopicPartition, Long> listed(Collection<TopicPartition> of, OffsetSpec spec) throws Exception {
        Map<TopicPartition, Long> found = new HashMap<>();
        for (var each : get(admin.listOffsets(of.stream().collect(Collectors.toMap(Function.identity(), at -> spec))).all())
                .entrySet()) {
            ListOffsetsResultInfo info = each.getValue();
            if (info.offset() >= 0) {
                found.put(each.getKey(), info.offset());
            }
        }
        return found;
    }

    void offsets(String topic, long end) throws Exception {
        equal(listed(partitions(topic), OffsetSpec.earliest()), all(partitions(topic), 0), "first offsets");
        equal(listed(partitions(topic), OffsetSpec.latest()), all(partitions(topic), end), "last offsets");
    }

    /** The partitions that have records; the time 0 is asked for first, because a compacted topic may begin later. */
    private Map<TopicPartition, Long> filled(KafkaConsumer<byte[], byte[]> consumer, String topic) {
        List<TopicPartition> all = consumer.partitionsFor(topic).stream()
            .map(each -> new TopicPartition(topic, each.partition())).toList();
        var firsts = consumer.offsetsForTimes(all(all, 0));
        Map<TopicPartition, Long> begins = new HashMap<>();
        if (firsts.values().stream().allMatch(java.util.Objects::nonNull)) {
            firsts.forEach((each, at) -> begins.put(each, at.offset()));
        } else {
            begins.putAll(consumer.beginningOffsets(all));
        }
        Map<TopicPartition, Long> ends = new HashMap<>(consumer.endOffsets(all));
        ends.keySet().removeIf(each -> ends.get(each) <= begins.get(each));
        return ends;
    }

    private void newest() throws Exception {
        get(admin.describeTopics(List.of(cluster.mixed)).topicNameValues().get(cluster.mixed));
        try (var consumer = consumer()) {
            equal(filled(consumer, cluster.empty), Map.of(), "partitions with records");
            Map<TopicPartition, Long> ends = filled(consumer, cluster.mixed);
            consumer.assign(ends.keySet());
            ends.forEach((each, end) -> consumer.seek(each, end - 34));
            cluster.read(consumer, ends, POLL).values().forEach(found -> cluster.range(found, END - 34, END));
        }
    }

    /** From an offset, a time, and the start. */
    private void oldest() {
        try (var consumer = consumer()) {
            Map<TopicPartition, Long> ends = filled(consumer, cluster.mixed);
            Map<TopicPartition, Long> times = new HashMap<>();
            ends.keySet().forEach(each -> times.put(each, cluster.time(each.partition(), 25)));
            consumer.assign(ends.keySet());
            consumer.offsetsForTimes(times).forEach((each, at) -> consumer.seek(each, at.offset()));
            cluster.read(consumer, ends, POLL).values().forEach(found -> cluster.range(found, 25, END));
            ends.keySet().forEach(each -> consumer.seek(each, 0));
            cluster.read(consumer, ends, POLL).values().forEach(found -> cluster.range(found, 0, END));
        }
    }

    private void live() throws Exception {
        String topic = cluster.own("kafbat-live");
        try (var consumer = consumer(); var producer = cluster.producer(Map.of())) {
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions(topic));
            consumer.assign(ends.keySet());
            ends.forEach(consumer::seek);
            producer.send(new ProducerRecord<>(topic, 1, bytes("k"), bytes("now"))).get();
            var found = cluster.read(consumer, Map.of(partitions(topic).get(1), 11L), POLL);
            check(new String(found.values().iterator().next().get(0).value(),
                java.nio.charset.StandardCharsets.UTF_8).equals("now"), "what came");
        }
        get(admin.deleteTopics(List.of(topic)).all());
    }

    private void statistics() {
        try (var consumer = consumer()) {
            Map<TopicPartition, Long> ends = filled(consumer, cluster.compacted);
            equal(ends, all(partitions(cluster.compacted), 10), "last offsets");
            consumer.assign(ends.keySet());
            consumer.seekToBeginning(ends.keySet());
            cluster.read(consumer, ends, POLL).values().forEach(found -> cluster.range(found, 0, 10));
        }
    }

    private void settings() throws Exception {
        var asked = new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true);
        Config config = get(admin.describeConfigs(List.of(topic(cluster.compacted)), asked).all())
            .get(topic(cluster.compacted));
        ConfigEntry policy = entry(config, "cleanup.policy");
        equal(policy.synonyms().stream().map(each -> each.name() + "=" + each.value() + " " + each.source()).toList(),
            List.of("cleanup.policy=compact DYNAMIC_TOPIC_CONFIG", "log.cleanup.policy=delete DEFAULT_CONFIG"), "synonyms");
        config.entries().forEach(each -> check(each.documentation() != null && !each.documentation().isEmpty()
            && each.type() != ConfigEntry.ConfigType.UNKNOWN, "no text or type for " + each.name()));
    }

    private void producers() throws Exception {
        String topic = cluster.own("kafbat-producers");
        var states = get(admin.describeProducers(partitions(topic)).all());
        states.forEach((at, state) -> {
            equal(state.activeProducers().size(), 1, "producers of " + at);
            var producer = state.activeProducers().get(0);
            equal(producer.lastSequence(), 9, "last sequence");
            check(producer.producerId() >= 0 && producer.producerEpoch() == 0
                && producer.lastTimestamp() == cluster.time(at.partition(), 9)
                && producer.currentTransactionStartOffset().isEmpty(), "producer " + producer);
        });
        get(admin.deleteTopics(List.of(topic)).all());
    }

    private Set<String> names() throws Exception {
        return get(admin.listTopics(new ListTopicsOptions().listInternal(true)).names());
    }

    private void create() throws Exception {
        String topic = cluster.prefix + "-kafbat-created";
        NewTopic wanted = new NewTopic(topic, Optional.of(2), Optional.empty());
        get(admin.createTopics(List.of(wanted.configs(Map.of("retention.ms", "1000", "max.message.bytes", "2000")))).all());
        Cluster.again(() -> get(admin.describeTopics(List.of(topic)).topicNameValues().get(topic)));
        var both = List.of(new AlterConfigOp(new ConfigEntry("retention.ms", "2000"), AlterConfigOp.OpType.SET),
            new AlterConfigOp(new ConfigEntry("max.message.bytes", "2000"), AlterConfigOp.OpType.DELETE));
        get(admin.incrementalAlterConfigs(Map.of(topic(topic), both)).all());
        Cluster.again(() -> {
            Config config = get(admin.describeConfigs(List.of(topic(topic))).all()).get(topic(topic));
            setting(config, "retention.ms", "2000", ConfigSource.DYNAMIC_TOPIC_CONFIG);
            setting(config, "max.message.bytes", "1048588", ConfigSource.DEFAULT_CONFIG);
        });
        get(admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all());
        Cluster.again(() -> equal(get(admin.describeTopics(List.of(topic)).topicNameValues().get(topic)).partitions()
            .size(), 3, "partitions"));
        copy(topic);
        get(admin.deleteTopics(List.of(topic)).all());
    }

    /** Every setting of the topic is told, the defaults too. */
    private void copy(String topic) throws Exception {
        Config config = get(admin.describeConfigs(List.of(topic(topic))).all()).get(topic(topic));
        Map<String, String> all = config.entries().stream().collect(Collectors.toMap(ConfigEntry::name, ConfigEntry::value));
        String clone = topic + "-clone";
        get(admin.createTopics(List.of(new NewTopic(clone, 3, (short) 1).configs(all))).all());
        Cluster.again(() -> check(names().contains(clone), "not there"));
        Cluster.again(() -> setting(get(admin.describeConfigs(List.of(topic(clone))).all()).get(topic(clone)), "segment.bytes",
            "1073741824", ConfigSource.DYNAMIC_TOPIC_CONFIG));
        get(admin.deleteTopics(List.of(clone)).all());
    }

    private void recreate() throws Exception {
        String topic = cluster.own("kafbat-again");
        get(admin.deleteTopics(List.of(topic)).all());
        Cluster.again(() -> get(admin.createTopics(List.of(new NewTopic(topic, 3, (short) 1))).all()));
        Cluster.again(() -> offsets(topic, 0));
        get(admin.deleteTopics(List.of(topic)).all());
        Cluster.again(() -> check(!names().contains(topic), "still there"));
    }

    /** Looking does not make it. */
    private void none() throws Exception {
        String topic = cluster.prefix + "-none";
        Cluster.fails(admin.describeTopics(List.of(topic)).topicNameValues().get(topic),
            UnknownTopicOrPartitionException.class, "This server does not host this topic-partition.");
        check(!names().contains(topic), "it is there now");
    }

    private void produce() throws Exception {
        String topic = cluster.own("kafbat-produce");
        try (var producer = cluster.producer(Map.of())) {
            equal(producer.send(new ProducerRecord<>(topic, 0, bytes("k"), null)).get().offset(), 10L, "offset");
        }
        TopicPartition first = partitions(topic).get(0);
        get(admin.deleteRecords(Map.of(first, RecordsToDelete.beforeOffset(11))).all());
        equal(listed(List.of(first), OffsetSpec.earliest()), Map.of(first, 11L), "first offset");
        get(admin.deleteTopics(List.of(topic)).all());
    }

    private void replication() throws Exception {
        TopicPartition at = partitions(cluster.empty).get(0);
        get(admin.alterPartitionReassignments(
            Map.of(at, Optional.of(new NewPartitionReassignment(List.of(node().id()))))).all());
    }
}
