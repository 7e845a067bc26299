package uis;

import static uis.Cluster.all;
import static uis.Cluster.check;
import static uis.Cluster.equal;
import static uis.Cluster.get;
import static uis.Cluster.partitions;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConfigEntry.ConfigSource;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.ConsumerGroupListing;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionReplica;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.quota.ClientQuotaFilter;

/** Kafbat's kafka-ui. */
@SuppressWarnings({"deprecation", "removal"})
final class Kafbat extends KafbatTopics {
    Kafbat(Cluster cluster) {
        super(cluster);
    }

    @Override
    void pages() {
        super.pages();
        page("dashboard", this::dashboard);
        page("brokers", this::brokers);
        page("broker: configs", this::brokerConfigs);
        page("broker: log directories", () -> sizes(cluster.mixed));
        page("broker: move a replica to another directory", this::move);
        page("topic: consumers", this::consumers);
        page("consumers", this::groups);
        page("consumer: details", this::members);
        page("consumer: reset offsets", this::reset);
        page("consumer: delete", this::delete);
        page("acl", this::noAcls);
        page("quotas", () -> equal(quotas(), Map.of(), "quotas"));
        page("quotas: change", this::quota);
    }

    /** What the cluster can do: its version, whether topics can be deleted, whether there is access control. */
    private void dashboard() throws Exception {
        Config config = get(admin.describeConfigs(List.of(broker())).all()).get(broker());
        setting(config, "delete.topic.enable", "true", ConfigSource.DEFAULT_CONFIG);
        short version = get(admin.describeFeatures().featureMetadata()).finalizedFeatures()
            .get("metadata.version").maxVersionLevel();
        check(version >= 19, "metadata.version " + version + " is not one of Kafka 3.8 or newer");
        noAcls();
        topics();
        groups();
    }

    private void brokers() throws Exception {
        var quorum = get(admin.describeMetadataQuorum().quorumInfo());
        equal(quorum.leaderId(), node().id(), "the quorum's leader");
        equal(quorum.voters().size(), 1, "voters");
        sizes(cluster.mixed);
    }

    private void brokerConfigs() throws Exception {
        Config config = get(admin.describeConfigs(List.of(broker())).all()).get(broker());
        setting(config, "log.retention.hours", "168", ConfigSource.DEFAULT_CONFIG);
        String before = entry(config, cluster.setting).value();
        check(entry(config, "node.id").isReadOnly() && !entry(config, cluster.setting).isReadOnly(), "flags");
        change(AlterConfigOp.OpType.SET);
        Cluster.again(() -> setting(get(admin.describeConfigs(List.of(broker())).all()).get(broker()), cluster.setting,
            cluster.changed, ConfigSource.DYNAMIC_BROKER_CONFIG));
        change(AlterConfigOp.OpType.DELETE);
        Cluster.again(() -> setting(get(admin.describeConfigs(List.of(broker())).all()).get(broker()), cluster.setting,
            before, ConfigSource.DEFAULT_CONFIG));
    }

    private void change(AlterConfigOp.OpType how) throws Exception {
        AlterConfigOp wanted = new AlterConfigOp(new ConfigEntry(cluster.setting, cluster.changed), how);
        get(admin.incrementalAlterConfigs(Map.of(broker(), List.of(wanted))).all());
    }

    private void move() throws Exception {
        String directory = get(admin.describeLogDirs(List.of(node().id())).allDescriptions()).get(node().id())
            .keySet().iterator().next();
        get(admin.alterReplicaLogDirs(Map.of(new TopicPartitionReplica(cluster.mixed, 0, node().id()), directory)).all());
    }

    private void groups() throws Exception {
        for (Cluster.Member each : cluster.members) {
            each.await();
        }
        Map<String, ConsumerGroupListing> listed = get(admin.listConsumerGroups().all()).stream()
            .filter(each -> cluster.stays(each.groupId())).collect(Collectors.toMap(ConsumerGroupListing::groupId, Function.identity()));
        cluster.members.forEach(each ->
            equal(listed.get(each.group).state().orElseThrow().toString(), "Stable", "state of " + each.group));
        equal(listed.get(cluster.behind).state().orElseThrow().toString(), "Empty", "state");
        Map<String, ConsumerGroupDescription> described = get(admin.describeConsumerGroups(listed.keySet()).all());
        equal(described.keySet(), listed.keySet(), "described groups");
        var all = get(admin.listConsumerGroupOffsets(listed.keySet().stream().collect(Collectors.toMap(
            Function.identity(), each -> new ListConsumerGroupOffsetsSpec().topicPartitions(null)))).all());
        equal(lag(all.get(cluster.behind)), Cluster.lag(), "lag");
        for (Cluster.Member each : cluster.members) {
            equal(lag(all.get(each.group)), 0L, "lag of " + each.group);
        }
    }

    private long lag(Map<TopicPartition, OffsetAndMetadata> committed) throws Exception {
        Map<TopicPartition, Long> ends = listed(committed.keySet(), OffsetSpec.latest());
        equal(ends.keySet(), new HashSet<>(partitions(cluster.mixed)), "partitions");
        return ends.entrySet().stream().mapToLong(each -> each.getValue() - committed.get(each.getKey()).offset()).sum();
    }

    /** Each group's offsets for the partitions of the topic; null where there is none. */
    private void consumers() throws Exception {
        for (Cluster.Member each : cluster.members) {
            each.await();
        }
        List<String> names = get(admin.listConsumerGroups().all()).stream().map(ConsumerGroupListing::groupId)
            .filter(cluster::stays).toList();
        var asked = new ListConsumerGroupOffsetsSpec().topicPartitions(partitions(cluster.compacted));
        var found = get(admin.listConsumerGroupOffsets(names.stream()
            .collect(Collectors.toMap(Function.identity(), each -> asked))).all());
        equal(found.get(cluster.behind).keySet(), new HashSet<>(partitions(cluster.compacted)), "partitions asked for");
        check(found.get(cluster.behind).values().stream().allMatch(each -> each == null), "offsets where there are none");
        var mixed = new ListConsumerGroupOffsetsSpec().topicPartitions(partitions(cluster.mixed));
        equal(lag(get(admin.listConsumerGroupOffsets(Map.of(cluster.behind, mixed)).all()).get(cluster.behind)),
            Cluster.lag(), "lag");
    }

    private void members() throws Exception {
        for (Cluster.Member each : cluster.members) {
            each.await();
            ConsumerGroupDescription group = get(admin.describeConsumerGroups(List.of(each.group)).all()).get(each.group);
            equal(group.members().stream().map(MemberDescription::clientId).toList(), List.of(each.group + "-member"),
                "members");
            equal(group.members().iterator().next().assignment().topicPartitions(),
                new HashSet<>(partitions(cluster.mixed)), "assignment");
            equal(group.coordinator(), node(), "coordinator");
            equal(group.partitionAssignor(), each.group.endsWith("classic") ? "range" : "uniform", "assignor");
        }
    }

    private String idle(String name) throws Exception {
        String group = cluster.prefix + "-kafbat-" + name;
        get(admin.alterConsumerGroupOffsets(group, partitions(cluster.mixed).stream()
            .collect(Collectors.toMap(Function.identity(), each -> new OffsetAndMetadata(1)))).all());
        return group;
    }

    private void reset() throws Exception {
        String group = idle("reset");
        for (OffsetSpec spec : List.of(OffsetSpec.earliest(), OffsetSpec.latest(),
                OffsetSpec.forTimestamp(cluster.time(Cluster.PARTITIONS, 25)))) {
            equal(get(admin.describeConsumerGroups(List.of(group)).all()).get(group).state().toString(), "Empty", "state");
            Map<TopicPartition, Long> wanted = listed(partitions(cluster.mixed), spec);
            get(admin.alterConsumerGroupOffsets(group, wanted.entrySet().stream()
                .collect(Collectors.toMap(Map.Entry::getKey, each -> new OffsetAndMetadata(each.getValue())))).all());
            Map<TopicPartition, Long> found = new HashMap<>();
            get(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata())
                .forEach((at, offset) -> found.put(at, offset.offset()));
            equal(found, wanted, "offsets");
        }
        equal(listed(partitions(cluster.mixed), OffsetSpec.forTimestamp(cluster.time(Cluster.PARTITIONS, 25))),
            all(partitions(cluster.mixed), 26), "offsets for the time");
        get(admin.deleteConsumerGroups(List.of(group)).all());
    }

    private void delete() throws Exception {
        Cluster.Member live = cluster.members.get(0);
        live.await();
        Cluster.fails(admin.deleteConsumerGroups(List.of(live.group)).all(), GroupNotEmptyException.class,
            "The group is not empty.");
        String group = idle("deleted");
        get(admin.deleteConsumerGroupOffsets(group, new HashSet<>(partitions(cluster.mixed))).all());
        equal(get(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata()), Map.of(), "offsets left");
    }

    private Map<ClientQuotaEntity, Map<String, Double>> quotas() throws Exception {
        var found = new HashMap<>(get(admin.describeClientQuotas(ClientQuotaFilter.all()).entities()));
        found.keySet().removeIf(each -> !cluster.stays(String.valueOf(each.entries().get(ClientQuotaEntity.CLIENT_ID))));
        return found;
    }

    private void quota() throws Exception {
        ClientQuotaEntity entity = new ClientQuotaEntity(Map.of(ClientQuotaEntity.CLIENT_ID, cluster.prefix));
        alter(entity, 1e9);
        Cluster.again(() -> equal(quotas(), Map.of(entity, Map.of("producer_byte_rate", 1e9)), "quotas"));
        alter(entity, null);
        Cluster.again(() -> equal(quotas(), Map.of(), "quotas"));
    }

    private void alter(ClientQuotaEntity entity, Double rate) throws Exception {
        var wanted = new ClientQuotaAlteration(entity, List.of(new ClientQuotaAlteration.Op("producer_byte_rate", rate)));
        get(admin.alterClientQuotas(List.of(wanted)).all());
    }
}
