package uis;

import static uis.Cluster.END;
import static uis.Cluster.all;
import static uis.Cluster.bytes;
import static uis.Cluster.check;
import static uis.Cluster.equal;
import static uis.Cluster.get;
import static uis.Cluster.partitions;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigsResult;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConfigEntry.ConfigSource;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.ConsumerGroupListing;
import org.apache.kafka.clients.admin.LogDirDescription;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.admin.TopicListing;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntryFilter;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.SecurityDisabledException;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePatternFilter;
import org.apache.kafka.common.resource.ResourceType;

/** AKHQ: one admin client, and a new consumer, of a group that it never joins, for each thing that it reads. */
@SuppressWarnings({"deprecation", "removal"})
final class Akhq extends Ui {
    private static final Duration POLL = Duration.ofSeconds(1);
    private final Admin admin;

    Akhq(Cluster cluster) {
        super(cluster);
        admin = Admin.create(cluster.config());
    }

    @Override
    void pages() {
        page("nodes", this::nodes);
        page("node: configs", () -> configs(broker()));
        page("node: change a config", this::brokerConfig);
        page("node: logs", () -> sizes(cluster.mixed));
        page("topics", this::topics);
        page("topic: data, newest", this::newest);
        page("topic: data, oldest", this::oldest);
        page("topic: data, one record", this::record);
        page("topic: data, search", this::search);
        page("topic: partitions", () -> offsets(cluster.mixed, END));
        page("topic: groups", () -> equal(groupsOf(cluster.mixed), groups(), "groups"));
        page("topic: configs", () -> configs(topic(cluster.compacted)));
        page("topic: acls", () -> acls(new AclBindingFilter(
            new ResourcePatternFilter(ResourceType.TOPIC, cluster.mixed, PatternType.ANY), AccessControlEntryFilter.ANY)));
        page("topic: logs", () -> sizes(cluster.compacted));
        page("topic: create, configure, add partitions, delete", this::create);
        page("topic: produce, tail, delete a record, empty, copy", this::produce);
        page("groups", () -> equal(groupsOf(cluster.mixed), groups(), "groups"));
        page("group: topics", this::lag);
        page("group: members", this::members);
        page("group: acls", () -> acls(new AclBindingFilter(
            new ResourcePatternFilter(ResourceType.GROUP, cluster.behind, PatternType.ANY), AccessControlEntryFilter.ANY)));
        page("group: update offsets, delete", this::update);
        page("acls", () -> acls(AclBindingFilter.ANY));
        page("acls: of a principal", () -> acls(new AclBindingFilter(
            new ResourcePatternFilter(ResourceType.ANY, null, PatternType.ANY),
            new AccessControlEntryFilter("User:somebody", null, AclOperation.ANY, AclPermissionType.ANY))));
    }

    @Override
    public void close() {
        admin.close();
    }

    private KafkaConsumer<byte[], byte[]> consumer(int most) {
        return cluster.consumer(Map.of("group.id", "Akhq", "isolation.level", "read_committed", "max.poll.records", most,
            "default.api.timeout.ms", 15_000));
    }

    private void acls(AclBindingFilter filter) throws Exception {
        Cluster.fails(admin.describeAcls(filter).values(), SecurityDisabledException.class, NO_AUTHORIZER);
    }

    private Collection<Node> nodes() throws Exception {
        var described = admin.describeCluster();
        Collection<Node> nodes = get(described.nodes());
        equal(nodes.stream().map(each -> each.host() + ":" + each.port()).toList(), List.of(cluster.address), "nodes");
        check(nodes.contains(get(described.controller())), "the controller is no node");
        check(!get(described.clusterId()).isEmpty(), "no cluster id");
        return nodes;
    }

    private ConfigResource broker() throws Exception {
        return new ConfigResource(ConfigResource.Type.BROKER, nodes().iterator().next().idString());
    }

    private static ConfigResource topic(String topic) {
        return new ConfigResource(ConfigResource.Type.TOPIC, topic);
    }

    private Config configs(ConfigResource of) throws Exception {
        Config config = get(admin.describeConfigs(List.of(of)).all()).get(of);
        if (of.type() == ConfigResource.Type.BROKER) {
            setting(config, "num.io.threads", "8", ConfigSource.DEFAULT_CONFIG);
            check(entry(config, "log.dirs").isReadOnly() && entry(config, "ssl.key.password").isSensitive(), "flags");
        } else {
            setting(config, "cleanup.policy", "compact", ConfigSource.DYNAMIC_TOPIC_CONFIG);
            setting(config, "segment.bytes", "1073741824", ConfigSource.DEFAULT_CONFIG);
        }
        return config;
    }

    /** All that was set for this alone, with the new value: what is not told is a default again. */
    private void change(ConfigResource of, String setting, String value) throws Exception {
        List<ConfigEntry> entries = new ArrayList<>(get(admin.describeConfigs(List.of(of)).all()).get(of).entries()
            .stream().filter(each -> each.source().name().startsWith("DYNAMIC_")).toList());
        entries.add(new ConfigEntry(setting, value));
        replace(of, entries);
        Cluster.again(() -> equal(entry(get(admin.describeConfigs(List.of(of)).all()).get(of), setting).value(), value,
            setting));
    }

    /** It repeats what a new cluster has set for all brokers, and Kafka takes that for none alone: nothing can be changed. */
    private void brokerConfig() throws Exception {
        try {
            change(broker(), cluster.setting, cluster.changed);
        } catch (InvalidConfigurationException e) {
            equal(e.getMessage(), "Broker-level min.insync.replicas cannot be altered while ELR is enabled.", "error");
            return;
        }
        throw new AssertionError("changed");
    }

    /** The old call, which the client has no more since 4.0; with that one each setting is named. */
    private void replace(ConfigResource of, List<ConfigEntry> entries) throws Exception {
        try {
            Object asked = Admin.class.getMethod("alterConfigs", Map.class)
                .invoke(admin, Map.of(of, new Config(entries)));
            get(((AlterConfigsResult) asked).all());
        } catch (NoSuchMethodException e) {
            List<AlterConfigOp> wanted = new ArrayList<>();
            get(admin.describeConfigs(List.of(of)).all()).get(of).entries().stream()
                .filter(each -> each.source().name().startsWith("DYNAMIC_"))
                .forEach(each -> wanted.add(new AlterConfigOp(each, AlterConfigOp.OpType.DELETE)));
            wanted.removeIf(each -> entries.stream().anyMatch(kept -> kept.name().equals(each.configEntry().name())));
            entries.forEach(each -> wanted.add(new AlterConfigOp(each, AlterConfigOp.OpType.SET)));
            get(admin.incrementalAlterConfigs(Map.of(of, wanted)).all());
        }
    }

    private void sizes(String topic) throws Exception {
        List<Integer> ids = nodes().stream().map(Node::id).toList();
        Map<Integer, Map<String, LogDirDescription>> found = get(admin.describeLogDirs(ids).allDescriptions());
        equal(found.keySet(), new HashSet<>(ids), "nodes with directories");
        for (LogDirDescription each : found.get(ids.get(0)).values()) {
            check(each.error() == null, "a directory has " + each.error());
            partitions(topic).forEach(at -> check(each.replicaInfos().get(at).size() > 0
                && each.replicaInfos().get(at).offsetLag() == 0 && !each.replicaInfos().get(at).isFuture(), "size of " + at));
        }
    }

    private Map<TopicPartition, Long> offsets(String topic, long end) throws Exception {
        TopicDescription described = get(admin.describeTopics(List.of(topic)).allTopicNames()).get(topic);
        List<TopicPartition> all = described.partitions().stream()
            .map(each -> new TopicPartition(topic, each.partition())).toList();
        described.partitions().forEach(each ->
            equal(each.isr(), each.replicas(), "replicas in sync of " + topic + "-" + each.partition()));
        try (var consumer = consumer(50)) {
            equal(consumer.beginningOffsets(all), all(all, 0), "first offsets");
            Map<TopicPartition, Long> ends = consumer.endOffsets(all);
            equal(ends, all(all, end), "last offsets");
            return ends;
        }
    }

    private void topics() throws Exception {
        List<String> names = get(admin.listTopics(new ListTopicsOptions().listInternal(true)).listings()).stream()
            .map(TopicListing::name).filter(cluster::stays).toList();
        check(names.containsAll(List.of(cluster.mixed, cluster.compacted, cluster.empty, "__consumer_offsets")),
            "topics " + names);
        Map<String, TopicDescription> described = get(admin.describeTopics(names).allTopicNames());
        equal(described.get("__consumer_offsets").isInternal(), true, "internal");
        offsets(cluster.mixed, END);
        offsets(cluster.empty, 0);
        sizes(cluster.mixed);
        equal(groupsOf(cluster.mixed), groups(), "groups");
        last();
    }

    /** The last record of each topic, by its time. */
    private void last() {
        List<TopicPartition> some = new ArrayList<>(partitions(cluster.mixed));
        some.addAll(partitions(cluster.empty));
        try (var consumer = consumer(some.size() * 3)) {
            consumer.assign(some);
            consumer.endOffsets(some).forEach((each, end) -> consumer.seek(each, Math.max(0, end - 2)));
            var found = cluster.read(consumer, all(partitions(cluster.mixed), END), POLL);
            found.values().forEach(each -> cluster.range(each, END - 2, END));
        }
    }

    /** A consumer for each partition, which reads from some way before the end. */
    private void newest() throws Exception {
        int most = 17;
        for (Map.Entry<TopicPartition, Long> each : offsets(cluster.mixed, END).entrySet()) {
            try (var consumer = consumer(most)) {
                consumer.assign(Set.of(each.getKey()));
                consumer.seek(each.getKey(), each.getValue() - most);
                var found = cluster.read(consumer, Map.of(each.getKey(), END), POLL).get(each.getKey());
                cluster.range(found, END - most, END);
            }
        }
    }

    /** From a time on, or from the start. */
    private void oldest() {
        Map<TopicPartition, Long> times = new HashMap<>();
        partitions(cluster.mixed).forEach(each -> times.put(each, cluster.time(each.partition(), 30)));
        try (var consumer = consumer(50)) {
            Map<TopicPartition, OffsetAndTimestamp> from = consumer.offsetsForTimes(times);
            consumer.assign(from.keySet());
            from.forEach((each, at) -> consumer.seek(each, at.offset()));
            cluster.read(consumer, all(from.keySet(), END), POLL).values().forEach(each -> cluster.range(each, 30, END));
            consumer.seekToBeginning(from.keySet());
            cluster.read(consumer, all(from.keySet(), 12), POLL).values().forEach(each -> cluster.range(each, 0, 12));
        }
    }

    private void record() {
        TopicPartition at = partitions(cluster.mixed).get(1);
        try (var consumer = consumer(1)) {
            consumer.assign(List.of(at));
            consumer.seek(at, 29); // the tombstone of a batch in the middle
            List<ConsumerRecord<byte[], byte[]>> found = consumer.poll(POLL).records(at);
            equal(found.size(), 1, "records");
            cluster.range(found, 29, 30);
        }
    }

    private void search() {
        try (var consumer = consumer(50)) {
            consumer.assign(partitions(cluster.mixed));
            partitions(cluster.mixed).forEach(each -> consumer.seek(each, 0));
            long found = cluster.read(consumer, all(partitions(cluster.mixed), END), POLL).values().stream()
                .flatMap(List::stream).filter(each -> new String(each.headers().lastHeader("trace-id").value(),
                    java.nio.charset.StandardCharsets.UTF_8).equals("t13")).count();
            equal(found, 3L, "records with the header");
        }
    }

    private Set<String> groups() throws Exception {
        Set<String> groups = new HashSet<>(Set.of(cluster.behind));
        for (Cluster.Member each : cluster.members) {
            each.await();
            groups.add(each.group);
        }
        return groups;
    }

    private Map<String, ConsumerGroupDescription> described() throws Exception {
        List<String> names = get(admin.listConsumerGroups().all()).stream().map(ConsumerGroupListing::groupId)
            .filter(cluster::stays).toList();
        return get(admin.describeConsumerGroups(names).all());
    }

    /** The groups that have a member or an offset there. */
    private Set<String> groupsOf(String topic) throws Exception {
        groups();
        Set<String> found = new HashSet<>();
        for (ConsumerGroupDescription each : described().values()) {
            Set<TopicPartition> known = new HashSet<>(
                get(admin.listConsumerGroupOffsets(each.groupId()).partitionsToOffsetAndMetadata()).keySet());
            each.members().forEach(member -> known.addAll(member.assignment().topicPartitions()));
            if (known.stream().anyMatch(at -> at.topic().equals(topic))) {
                found.add(each.groupId());
            }
        }
        return found;
    }

    private void lag() throws Exception {
        Map<TopicPartition, OffsetAndMetadata> committed =
            get(admin.listConsumerGroupOffsets(cluster.behind).partitionsToOffsetAndMetadata());
        Map<TopicPartition, Long> ends = offsets(cluster.mixed, END);
        equal(committed.entrySet().stream().mapToLong(each -> ends.get(each.getKey()) - each.getValue().offset()).sum(),
            Cluster.lag(), "lag");
        equal(get(admin.describeConsumerGroups(List.of(cluster.behind)).all()).get(cluster.behind).members().size(), 0,
            "members");
    }

    private void members() throws Exception {
        groups();
        for (Cluster.Member each : cluster.members) {
            ConsumerGroupDescription group = get(admin.describeConsumerGroups(List.of(each.group)).all()).get(each.group);
            equal(group.members().stream().map(MemberDescription::clientId).toList(), List.of(each.group + "-member"),
                "members of " + each.group);
            MemberDescription member = group.members().iterator().next();
            equal(member.assignment().topicPartitions(), new HashSet<>(partitions(cluster.mixed)), "assignment");
            check(member.host().contains("127.0.0.1"), "host " + member.host());
            equal(group.coordinator(), nodes().iterator().next(), "coordinator");
            equal(group.state().toString(), "Stable", "state");
        }
    }

    private void create() throws Exception {
        String topic = cluster.prefix + "-akhq-created";
        get(admin.createTopics(Set.of(new NewTopic(topic, 2, (short) 1))).all());
        Cluster.again(() -> get(admin.describeTopics(List.of(topic)).allTopicNames()));
        change(topic(topic), "retention.ms", "60000");
        change(topic(topic), "cleanup.policy", "compact");
        equal(entry(get(admin.describeConfigs(List.of(topic(topic))).all()).get(topic(topic)), "retention.ms").value(),
            "60000", "what was set before");
        get(admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(4))).all());
        Cluster.again(() -> equal(
            get(admin.describeTopics(List.of(topic)).allTopicNames()).get(topic).partitions().size(), 4, "partitions"));
        get(admin.deleteTopics(Set.of(topic)).all());
        Cluster.again(() -> check(get(admin.listTopics().listings()).stream()
            .noneMatch(each -> each.name().equals(topic)), "still there"));
    }

    private void produce() throws Exception {
        String topic = cluster.own("akhq-produce");
        TopicPartition at = partitions(topic).get(2);
        try (var producer = cluster.producer(Map.of()); var tail = consumer(50)) {
            tail.assign(partitions(topic));
            tail.seekToEnd(List.of());
            partitions(topic).forEach(tail::position);
            RecordMetadata sent = producer.send(new ProducerRecord<>(topic, 2, 1_700_000_000_000L, bytes("k"), bytes("v"),
                List.of(new RecordHeader("h", bytes("1")), new RecordHeader("none", null)))).get();
            equal(Map.of(sent.offset(), sent.timestamp()), Map.of(10L, 1_700_000_000_000L), "where it went");
            equal(producer.send(new ProducerRecord<>(topic, 2, bytes("k"), null)).get().offset(), 11L, "the tombstone's");
            List<ConsumerRecord<byte[], byte[]>> shown = cluster.read(tail, Map.of(at, 12L), POLL).get(at);
            equal(shown.stream().map(each -> each.value() == null).toList(), List.of(false, true), "tail");
            copy(topic, producer);
        }
        Map<TopicPartition, RecordsToDelete> all = partitions(topic).stream()
            .collect(Collectors.toMap(each -> each, each -> RecordsToDelete.beforeOffset(each.equals(at) ? 12 : 10)));
        var deleted = admin.deleteRecords(all).lowWatermarks();
        for (TopicPartition each : all.keySet()) {
            equal(get(deleted.get(each)).lowWatermark(), all.get(each).beforeOffset(), "first offset of " + each);
        }
        get(admin.deleteTopics(Set.of(topic)).all());
    }

    /** Whatever is in the topic, into another: partition, time and headers stay. */
    private void copy(String topic, org.apache.kafka.clients.producer.KafkaProducer<byte[], byte[]> producer)
            throws Exception {
        String to = cluster.prefix + "-akhq-copy";
        cluster.create(to, Map.of());
        try (var from = consumer(500); var check = consumer(500)) {
            from.assign(partitions(topic));
            partitions(topic).forEach(each -> from.seek(each, 0));
            cluster.read(from, all(partitions(topic), 10), POLL).values().forEach(found -> found.forEach(each ->
                producer.send(new ProducerRecord<>(to, each.partition(), each.timestamp(), each.key(), each.value(),
                    each.headers()))));
            producer.flush();
            check.assign(partitions(to));
            cluster.read(check, all(partitions(to), 10), POLL).values().forEach(each -> cluster.range(each, 0, 10));
        }
        get(admin.deleteTopics(Set.of(to)).all());
    }

    private void update() throws Exception {
        String group = cluster.prefix + "-akhq-group";
        Map<TopicPartition, OffsetAndMetadata> offsets = partitions(cluster.mixed).stream()
            .collect(Collectors.toMap(each -> each, each -> new OffsetAndMetadata(7)));
        try (var consumer = cluster.consumer(Map.of("group.id", group))) {
            consumer.commitSync(offsets);
        }
        equal(get(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata()).values().stream()
            .map(OffsetAndMetadata::offset).toList(), List.of(7L, 7L, 7L), "offsets");
        get(admin.deleteConsumerGroupOffsets(group, Set.of(partitions(cluster.mixed).get(0))).all());
        equal(get(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata()).size(), 2, "offsets left");
        get(admin.deleteConsumerGroups(Set.of(group)).all());
        check(get(admin.listConsumerGroups().all()).stream().noneMatch(each -> each.groupId().equals(group)), "still there");
    }
}
