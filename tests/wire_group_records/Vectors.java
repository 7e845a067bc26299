// Prints records of __consumer_offsets as Apache Kafka 4.3.1's own classes make them: one per line,
// a name, the key and the value in hex, "-" for a tombstone.
//
//   java -cp '<kafka>/libs/*' Vectors.java > vectors.txt
//
// Where Kafka has a helper that makes the record, the helper is asked, so that the version of the
// value is the one that Kafka writes; the versions that it only reads are named in the line.

import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.JoinGroupRequestData.*;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.utils.*;
import org.apache.kafka.coordinator.common.runtime.CoordinatorRecord;
import org.apache.kafka.coordinator.group.*;
import org.apache.kafka.coordinator.group.classic.*;
import org.apache.kafka.coordinator.group.generated.*;
import org.apache.kafka.coordinator.group.modern.MemberState;
import org.apache.kafka.coordinator.group.modern.consumer.*;
import org.apache.kafka.server.common.ApiMessageAndVersion;

public class Vectors {
    static final GroupCoordinatorRecordSerde SERDE = new GroupCoordinatorRecordSerde();
    static final Uuid ID = new Uuid(0x0102030405060708L, 0x090a0b0c0d0e0f10L);

    static byte[] utf8(String text) { return text.getBytes(StandardCharsets.UTF_8); }
    static String hex(byte[] bytes) { return bytes == null ? "-" : HexFormat.of().formatHex(bytes); }

    static void print(String name, CoordinatorRecord record) {
        System.out.println(name + " " + hex(SERDE.serializeKey(record)) + " " + hex(SERDE.serializeValue(record)));
    }

    static void print(String name, ApiMessage key, ApiMessage value, int version) {
        print(name, CoordinatorRecord.record(key, new ApiMessageAndVersion(value, (short) version)));
    }

    static void offsets() {
        var plain = new OffsetAndMetadata(42, OptionalInt.of(3), "méta", 1700000000000L, OptionalLong.empty(), ID);
        var expires = new OffsetAndMetadata(42, OptionalInt.of(3), "", 1700000000000L, OptionalLong.of(1700000000001L), ID);
        var bare = new OffsetAndMetadata(0, OptionalInt.empty(), "", 0, OptionalLong.empty(), Uuid.ZERO_UUID);
        print("offset", GroupCoordinatorRecordHelpers.newOffsetCommitRecord("group", "topic", 7, plain));
        print("offset-expires", GroupCoordinatorRecordHelpers.newOffsetCommitRecord("group", "topic", 7, expires));
        print("offset-bare", GroupCoordinatorRecordHelpers.newOffsetCommitRecord("group", "topic", 7, bare));
        print("offset-tombstone", GroupCoordinatorRecordHelpers.newOffsetCommitTombstoneRecord("group", "topic", 7));
        var key = new OffsetCommitKey().setGroup("group").setTopic("topic").setPartition(7);
        var value = new OffsetCommitValue().setOffset(42).setMetadata("méta").setCommitTimestamp(1700000000000L);
        value.setLeaderEpoch(3).setExpireTimestamp(1700000000001L).setTopicId(ID);
        for (int version = 0; version <= 4; version++) print("offset-v" + version, key, value, version);
        var oldKey = new LegacyOffsetCommitKey().setGroup("group").setTopic("topic").setPartition(7);
        var oldValue = new LegacyOffsetCommitValue().setOffset(42).setMetadata("méta").setCommitTimestamp(1700000000000L);
        print("legacy-offset", oldKey, oldValue, 0);
        print("legacy-offset-tombstone", CoordinatorRecord.tombstone(oldKey));
    }

    static void classic() {
        Time time = Time.SYSTEM;
        var group = new ClassicGroup(new LogContext(), "group", ClassicGroupState.STABLE, time, 5,
            Optional.of("consumer"), Optional.of("range"), Optional.of("member"), Optional.of(1700000000000L));
        var protocols = new JoinGroupRequestProtocolCollection();
        protocols.add(new JoinGroupRequestProtocol().setName("range").setMetadata(utf8("sub")));
        group.add(new ClassicGroupMember("member", Optional.of("instance"), "client", "/127.0.0.1", 300000, 45000,
            "consumer", protocols, utf8("assigned")));
        var empty = new ClassicGroup(new LogContext(), "group", ClassicGroupState.EMPTY, time, 0,
            Optional.empty(), Optional.empty(), Optional.empty(), Optional.of(1700000000000L));
        print("group", GroupCoordinatorRecordHelpers.newGroupMetadataRecord(group, Map.of("member", utf8("assigned"))));
        print("group-empty", GroupCoordinatorRecordHelpers.newEmptyGroupMetadataRecord(empty));
        print("group-tombstone", GroupCoordinatorRecordHelpers.newGroupMetadataTombstoneRecord("group"));
        var member = new GroupMetadataValue.MemberMetadata().setMemberId("member").setClientId("client")
            .setClientHost("/127.0.0.1").setSessionTimeout(45000).setRebalanceTimeout(300000)
            .setGroupInstanceId("instance").setSubscription(utf8("sub")).setAssignment(utf8("assigned"));
        var value = new GroupMetadataValue().setProtocolType("consumer").setGeneration(5).setProtocol("range")
            .setLeader("member").setCurrentStateTimestamp(1700000000000L).setMembers(List.of(member));
        for (int version = 0; version <= 4; version++) {
            if (version == 3) member.setGroupInstanceId("instance");
            if (version < 3) member.setGroupInstanceId(null);
            print("group-v" + version, new GroupMetadataKey().setGroup("group"), value, version);
        }
    }

    static ConsumerGroupMember.Builder member() {
        return new ConsumerGroupMember.Builder("member").setMemberEpoch(5).setPreviousMemberEpoch(4)
            .setRackId("rack").setInstanceId("instance").setClientId("client").setClientHost("/127.0.0.1")
            .setSubscribedTopicNames(List.of("topic", "another")).setSubscribedTopicRegex("t.*")
            .setRebalanceTimeoutMs(300000).setServerAssignorName("uniform");
    }

    static void consumer() {
        print("consumer-group", GroupCoordinatorRecordHelpers.newConsumerGroupEpochRecord("group", 5, 0x1122334455667788L));
        print("consumer-group-no-hash", GroupCoordinatorRecordHelpers.newConsumerGroupEpochRecord("group", 5, 0));
        print("consumer-group-tombstone", GroupCoordinatorRecordHelpers.newConsumerGroupEpochTombstoneRecord("group"));
        var racks = new ConsumerGroupPartitionMetadataValue.PartitionMetadata().setPartition(0).setRacks(List.of("rack"));
        var topic = new ConsumerGroupPartitionMetadataValue.TopicMetadata().setTopicId(ID).setTopicName("topic")
            .setNumPartitions(3).setPartitionMetadata(List.of(racks));
        print("partition-metadata", new ConsumerGroupPartitionMetadataKey().setGroupId("group"),
            new ConsumerGroupPartitionMetadataValue().setTopics(List.of(topic)), 0);
        print("partition-metadata-tombstone", GroupCoordinatorRecordHelpers.newConsumerGroupSubscriptionMetadataTombstoneRecord("group"));

        var protocol = new ConsumerGroupMemberMetadataValue.ClassicProtocol().setName("range").setMetadata(utf8("sub"));
        var classic = new ConsumerGroupMemberMetadataValue.ClassicMemberMetadata().setSessionTimeoutMs(45000)
            .setSupportedProtocols(List.of(protocol));
        print("member", GroupCoordinatorRecordHelpers.newConsumerGroupMemberSubscriptionRecord("group", member().build()));
        print("member-classic", GroupCoordinatorRecordHelpers.newConsumerGroupMemberSubscriptionRecord("group",
            member().setClassicMemberMetadata(classic).build()));
        print("member-bare", GroupCoordinatorRecordHelpers.newConsumerGroupMemberSubscriptionRecord("group",
            new ConsumerGroupMember.Builder("member").build()));
        print("member-tombstone", GroupCoordinatorRecordHelpers.newConsumerGroupMemberSubscriptionTombstoneRecord("group", "member"));
        print("member-classic-empty", new ConsumerGroupMemberMetadataKey().setGroupId("group").setMemberId("member"),
            new ConsumerGroupMemberMetadataValue(), 0);

        print("target", GroupCoordinatorRecordHelpers.newConsumerGroupTargetAssignmentMetadataRecord("group", 5, 1700000000000L));
        print("target-tombstone", GroupCoordinatorRecordHelpers.newConsumerGroupTargetAssignmentMetadataTombstoneRecord("group"));
        print("target-member", GroupCoordinatorRecordHelpers.newConsumerGroupTargetAssignmentRecord("group", "member",
            Map.of(ID, new TreeSet<>(List.of(0, 1)))));
        print("target-member-tombstone", GroupCoordinatorRecordHelpers.newConsumerGroupTargetAssignmentTombstoneRecord("group", "member"));

        var epochs = new TreeMap<>(Map.of(0, 4, 1, 5));
        print("current", GroupCoordinatorRecordHelpers.newConsumerGroupCurrentAssignmentRecord("group",
            member().setState(MemberState.UNREVOKED_PARTITIONS).setAssignedPartitions(Map.of(ID, epochs))
                .setPartitionsPendingRevocation(Map.of(ID, new TreeMap<>(Map.of(2, 3)))).build()));
        print("current-tombstone", GroupCoordinatorRecordHelpers.newConsumerGroupCurrentAssignmentTombstoneRecord("group", "member"));
        var key = new ConsumerGroupCurrentMemberAssignmentKey().setGroupId("group").setMemberId("member");
        for (var stated : Arrays.asList(List.<Integer>of(), null)) {
            var partitions = new ConsumerGroupCurrentMemberAssignmentValue.TopicPartitions().setTopicId(ID)
                .setPartitions(List.of(0)).setAssignmentEpochs(stated);
            print("current-epochs-" + (stated == null ? "null" : "empty"), key,
                new ConsumerGroupCurrentMemberAssignmentValue().setAssignedPartitions(List.of(partitions)), 0);
        }
        print("regex", GroupCoordinatorRecordHelpers.newConsumerGroupRegularExpressionRecord("group", "t.*",
            new ResolvedRegularExpression(Set.of("topic", "another"), 12, 1700000000000L)));
        print("regex-tombstone", GroupCoordinatorRecordHelpers.newConsumerGroupRegularExpressionTombstone("group", "t.*"));
    }

    static void foreign() {
        print("share-10", CoordinatorRecord.tombstone(new ShareGroupMemberMetadataKey().setGroupId("group").setMemberId("member")));
        print("share-12", CoordinatorRecord.tombstone(new ShareGroupTargetAssignmentMetadataKey().setGroupId("group")));
        print("share-13", CoordinatorRecord.tombstone(new ShareGroupTargetAssignmentMemberKey().setGroupId("group").setMemberId("member")));
        print("share-14", CoordinatorRecord.tombstone(new ShareGroupCurrentMemberAssignmentKey().setGroupId("group").setMemberId("member")));
        print("share-15", CoordinatorRecord.tombstone(new ShareGroupStatePartitionMetadataKey().setGroupId("group")));
        print("streams-19", CoordinatorRecord.tombstone(new StreamsGroupMemberMetadataKey().setGroupId("group").setMemberId("member")));
        print("streams-20", CoordinatorRecord.tombstone(new StreamsGroupTargetAssignmentMetadataKey().setGroupId("group")));
        print("streams-21", CoordinatorRecord.tombstone(new StreamsGroupTargetAssignmentMemberKey().setGroupId("group").setMemberId("member")));
        print("streams-22", CoordinatorRecord.tombstone(new StreamsGroupCurrentMemberAssignmentKey().setGroupId("group").setMemberId("member")));
        print("streams-23", CoordinatorRecord.tombstone(new StreamsGroupTopologyKey().setGroupId("group")));
    }

    public static void main(String[] args) {
        System.out.println("# Made by Vectors.java beside this file, with Apache Kafka 4.3.1.");
        offsets();
        classic();
        consumer();
        foreign();
        print("share-group", GroupCoordinatorRecordHelpers.newShareGroupEpochRecord("group", 5, 0));
        print("streams-group", new StreamsGroupMetadataKey().setGroupId("group"), new StreamsGroupMetadataValue(), 0);
    }
}
