import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.network.ClientInformation;
import org.apache.kafka.common.network.ListenerName;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.requests.RequestContext;
import org.apache.kafka.common.requests.RequestHeader;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.apache.kafka.common.security.auth.SecurityProtocol;
import org.apache.kafka.common.utils.LogContext;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.coordinator.common.runtime.*;
import org.apache.kafka.coordinator.group.*;
import org.apache.kafka.coordinator.group.metrics.GroupCoordinatorMetrics;
import org.apache.kafka.coordinator.group.modern.share.ShareGroupConfig;
import org.apache.kafka.timeline.SnapshotRegistry;

/**
 * Apache Kafka's group coordinator without a broker around it: requests, topics and the time come on standard
 * input, a command a line, answers and records go out. `../groups_kafka.rs` writes the one and reads the other.
 *
 *   java -cp "<kafka>/libs/*" CoordinatorScript.java
 */
public class CoordinatorScript {
    static final HexFormat HEX = HexFormat.of();
    static final GroupCoordinatorRecordSerde SERDE = new GroupCoordinatorRecordSerde();

    record Topic(String name, Uuid id, int partitionCount) implements CoordinatorMetadataImage.TopicMetadata {
        @Override public List<String> partitionRacks(int partition) { return new ArrayList<>(); }
    }

    record Image(TreeMap<String, Topic> topics, long version) implements CoordinatorMetadataImage {
        @Override public Set<Uuid> topicIds() {
            Set<Uuid> ids = new TreeSet<>();
            topics.values().forEach(topic -> ids.add(topic.id()));
            return ids;
        }
        @Override public Set<String> topicNames() { return topics.keySet(); }
        @Override public Optional<CoordinatorMetadataImage.TopicMetadata> topicMetadata(String name) { return Optional.ofNullable(topics.get(name)); }
        @Override public Optional<CoordinatorMetadataImage.TopicMetadata> topicMetadata(Uuid id) {
            return topics.values().stream().filter(topic -> topic.id().equals(id)).map(topic -> (CoordinatorMetadataImage.TopicMetadata) topic).findFirst();
        }
        @Override public CoordinatorMetadataDelta emptyDelta() { return new Delta(Set.of(), Set.of(), this); }
        @Override public boolean isEmpty() { return topics.isEmpty(); }
    }

    record Delta(Set<Uuid> changed, Set<Uuid> deletedTopicIds, CoordinatorMetadataImage image) implements CoordinatorMetadataDelta {
        /** Expressions are looked up again after any change by Barnabas, and only after new topics by Kafka: so there always are some. */
        @Override public Collection<Uuid> createdTopicIds() { return changed.isEmpty() ? deletedTopicIds : changed; }
        @Override public Collection<Uuid> changedTopicIds() { return changed; }
    }

    static class Clock implements Time {
        long now;
        @Override public long milliseconds() { return now; }
        @Override public long nanoseconds() { return now * 1_000_000; }
        @Override public void sleep(long ms) { throw new UnsupportedOperationException(); }
        @Override public void waitObject(Object o, Supplier<Boolean> condition, long deadline) { throw new UnsupportedOperationException(); }
    }

    record Alarm(long at, long number, CoordinatorTimer.TimeoutOperation<CoordinatorRecord> operation) { }

    class Timers implements CoordinatorTimer<CoordinatorRecord> {
        final TreeMap<String, Alarm> alarms = new TreeMap<>();
        long count;
        @Override public void schedule(String key, long delay, TimeUnit unit, boolean retry, TimeoutOperation<CoordinatorRecord> operation) {
            alarms.put(key, new Alarm(clock.now + unit.toMillis(delay), count++, operation));
        }
        @Override public void schedule(String key, long delay, TimeUnit unit, boolean retry, long backoff, TimeoutOperation<CoordinatorRecord> operation) {
            schedule(key, delay, unit, retry, operation);
        }
        @Override public void scheduleIfAbsent(String key, long delay, TimeUnit unit, boolean retry, TimeoutOperation<CoordinatorRecord> operation) {
            if (!alarms.containsKey(key)) schedule(key, delay, unit, retry, operation);
        }
        @Override public void cancel(String key) { alarms.remove(key); }
        @Override public boolean isScheduled(String key) { return alarms.containsKey(key); }

        /** The key of the earliest one that is due. */
        String due() {
            return alarms.entrySet().stream().filter(entry -> entry.getValue().at() <= clock.now)
                .min((a, b) -> a.getValue().at() != b.getValue().at() ? Long.compare(a.getValue().at(), b.getValue().at())
                    : Long.compare(a.getValue().number(), b.getValue().number()))
                .map(Map.Entry::getKey).orElse(null);
        }
    }

    class Executor implements CoordinatorExecutor<CoordinatorRecord> {
        final TreeMap<String, Supplier<CoordinatorResult<Void, CoordinatorRecord>>> tasks = new TreeMap<>();
        @Override public <R> boolean schedule(String key, TaskRunnable<R> task, TaskOperation<CoordinatorRecord, R> operation) {
            if (tasks.containsKey(key)) return false;
            tasks.put(key, () -> {
                try {
                    return operation.onComplete(task.run(), null);
                } catch (Throwable e) {
                    throw new RuntimeException(e);
                }
            });
            return true;
        }
        @Override public boolean isScheduled(String key) { return tasks.containsKey(key); }
        @Override public void cancel(String key) { tasks.remove(key); }
    }

    final Clock clock = new Clock();
    final Timers timers = new Timers();
    final Executor executor = new Executor();
    final SnapshotRegistry registry = new SnapshotRegistry(new LogContext());
    final GroupCoordinatorShard shard;
    final TreeMap<String, Topic> topics = new TreeMap<>();
    final List<String> out = new ArrayList<>();
    Image before = new Image(new TreeMap<>(), 0);
    long offset = 0, version = 0;

    CoordinatorScript(Map<String, String> settings) {
        GroupCoordinatorConfig config = GroupCoordinatorConfig.fromProps(settings);
        ConfigDef all = Utils.mergeConfigs(List.of(GroupCoordinatorConfig.CONFIG_DEF, ShareGroupConfig.CONFIG_DEF));
        ShareGroupConfig share = new ShareGroupConfig(new AbstractConfig(all, Map.of(), false));
        GroupConfigManager groups = new GroupConfigManager(Map.of(), config, share);
        GroupCoordinatorShard.Builder builder = new GroupCoordinatorShard.Builder(config, groups);
        builder.withAuthorizerPlugin(Optional.empty());
        shard = (GroupCoordinatorShard) builder.withLogContext(new LogContext()).withTime(clock).withTimer(timers).withExecutor(executor)
            .withCoordinatorMetrics(new GroupCoordinatorMetrics()).withSnapshotRegistry(registry)
            .withTopicPartition(new TopicPartition("__consumer_offsets", 0)).build();
        clock.now = 1_700_000_000_000L;
    }

    /** One event; what it changed before it failed is undone. */
    <T> T event(Supplier<CoordinatorResult<T, CoordinatorRecord>> event) {
        registry.idempotentCreateSnapshot(offset);
        try {
            CoordinatorResult<T, CoordinatorRecord> result = event.get();
            for (CoordinatorRecord record : result.records()) {
                byte[] value = SERDE.serializeValue(record);
                out.add("r " + HEX.formatHex(SERDE.serializeKey(record)) + " " + (value == null ? "-" : HEX.formatHex(value)));
                if (result.replayRecords()) shard.replay(offset, -1, (short) -1, record);
                offset++;
            }
            if (result.appendFuture() != null) result.appendFuture().complete(null);
            registry.deleteSnapshotsUpTo(offset);
            return result.response();
        } catch (RuntimeException e) {
            registry.revertToSnapshot(offset);
            throw e;
        }
    }

    RequestContext context(ApiKeys api, short version) throws Exception {
        return new RequestContext(new RequestHeader(api, version, "client", 0), "1", InetAddress.getByAddress(new byte[] {127, 0, 0, 1}),
            KafkaPrincipal.ANONYMOUS, new ListenerName("PLAINTEXT"), SecurityProtocol.PLAINTEXT, ClientInformation.EMPTY, false);
    }

    static String failed(Throwable e) {
        Errors error = Errors.forException(e);
        return error.code() + "|" + (error == Errors.UNKNOWN_SERVER_ERROR ? e : e.getMessage());
    }

    String beat(short version, ByteBufferAccessor bytes) throws Exception {
        ConsumerGroupHeartbeatRequestData request = new ConsumerGroupHeartbeatRequestData(bytes, version);
        RequestContext context = context(ApiKeys.CONSUMER_GROUP_HEARTBEAT, version);
        ConsumerGroupHeartbeatResponseData reply;
        try {
            reply = event(() -> shard.consumerGroupHeartbeat(context, request));
        } catch (RuntimeException e) {
            return failed(e);
        }
        String text = "0|" + reply.memberId() + "|" + reply.memberEpoch() + "|" + reply.heartbeatIntervalMs() + "|";
        if (reply.assignment() == null) return text + "-";
        TreeMap<String, TreeSet<Integer>> assigned = new TreeMap<>();
        reply.assignment().topicPartitions().forEach(topic -> assigned.put(hex(topic.topicId()), new TreeSet<>(topic.partitions())));
        return text + assigned;
    }

    String join(short version, ByteBufferAccessor bytes) throws Exception {
        JoinGroupRequestData request = new JoinGroupRequestData(bytes, version);
        CompletableFuture<JoinGroupResponseData> future = new CompletableFuture<>();
        RequestContext context = context(ApiKeys.JOIN_GROUP, version);
        return answer(future, () -> event(() -> shard.classicGroupJoin(context, request, future)), reply ->
            reply.errorCode() != 0 ? reply.errorCode() + "|" : "0|" + reply.generationId() + "|" + reply.protocolType() + "|" + reply.protocolName() + "|"
                + reply.leader() + "|" + reply.memberId());
    }

    String sync(short version, ByteBufferAccessor bytes) throws Exception {
        SyncGroupRequestData request = new SyncGroupRequestData(bytes, version);
        CompletableFuture<SyncGroupResponseData> future = new CompletableFuture<>();
        RequestContext context = context(ApiKeys.SYNC_GROUP, version);
        return answer(future, () -> event(() -> shard.classicGroupSync(context, request, future)), reply ->
            reply.errorCode() != 0 ? reply.errorCode() + "|" : "0|" + reply.protocolType() + "|" + reply.protocolName() + "|" + HEX.formatHex(reply.assignment()));
    }

    String heartbeat(short version, ByteBufferAccessor bytes) throws Exception {
        HeartbeatRequestData request = new HeartbeatRequestData(bytes, version);
        RequestContext context = context(ApiKeys.HEARTBEAT, version);
        try {
            return event(() -> shard.classicGroupHeartbeat(context, request)).errorCode() + "|";
        } catch (RuntimeException e) {
            return Errors.forException(e).code() + "|";
        }
    }

    String leave(short version, ByteBufferAccessor bytes) throws Exception {
        LeaveGroupRequestData request = new LeaveGroupRequestData(bytes, version);
        RequestContext context = context(ApiKeys.LEAVE_GROUP, version);
        try {
            LeaveGroupResponseData reply = event(() -> shard.classicGroupLeave(context, request));
            List<Short> codes = reply.members().stream().map(LeaveGroupResponseData.MemberResponse::errorCode).toList();
            return reply.errorCode() + "|" + codes;
        } catch (RuntimeException e) {
            return Errors.forException(e).code() + "|";
        }
    }

    /** Nobody waits here for others. */
    static <T> String answer(CompletableFuture<T> future, Runnable ask, Function<T, String> text) {
        try {
            ask.run();
        } catch (RuntimeException e) {
            return Errors.forException(e).code() + "|";
        }
        return future.isDone() ? text.apply(future.getNow(null)) : "waits";
    }

    static String hex(Uuid id) {
        return HEX.toHexDigits(id.getMostSignificantBits()) + HEX.toHexDigits(id.getLeastSignificantBits());
    }

    void changed(Set<Uuid> changed, Set<Uuid> deleted) {
        version++;
        Image image = new Image(new TreeMap<>(topics), version);
        // A delta is one to the image before.
        shard.onMetadataUpdate(new Delta(changed, deleted, before), image);
        before = image;
    }

    String command(String[] words) throws Exception {
        switch (words[0]) {
            case "topic" -> {
                byte[] bytes = HEX.parseHex(words[2]);
                Uuid id = new Uuid(ByteBuffer.wrap(bytes).getLong(), ByteBuffer.wrap(bytes).getLong(8));
                topics.put(words[1], new Topic(words[1], id, Integer.parseInt(words[3])));
                changed(Set.of(id), Set.of());
                return "";
            }
            case "gone" -> {
                Topic topic = topics.remove(words[1]);
                changed(Set.of(), Set.of(topic.id()));
                return "";
            }
            case "replay" -> {
                byte[] key = HEX.parseHex(words[1]), value = HEX.parseHex(words[2]);
                shard.replay(offset++, -1, (short) -1, SERDE.deserialize(ByteBuffer.wrap(key), ByteBuffer.wrap(value)));
                return "";
            }
            case "loaded" -> {
                shard.onLoaded(new Image(new TreeMap<>(topics), version));
                return "";
            }
            case "pass" -> {
                long end = clock.now + Long.parseLong(words[1]);
                clock.now = end;
                for (String key = timers.due(); key != null; key = timers.due()) {
                    Alarm alarm = timers.alarms.remove(key);
                    event(() -> alarm.operation().generateRecords());
                }
                return "";
            }
        }
        clock.now++;
        short version = Short.parseShort(words[1]);
        ByteBufferAccessor bytes = new ByteBufferAccessor(ByteBuffer.wrap(HEX.parseHex(words[2])));
        return switch (words[0]) {
            case "beat" -> beat(version, bytes);
            case "join" -> join(version, bytes);
            case "sync" -> sync(version, bytes);
            case "heartbeat" -> heartbeat(version, bytes);
            case "leave" -> leave(version, bytes);
            default -> throw new IllegalArgumentException(words[0]);
        };
    }

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        PrintStream print = new PrintStream(new java.io.BufferedOutputStream(System.out));
        CoordinatorScript script = null;
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split(" ");
            if (words[0].equals("new")) {
                Map<String, String> settings = new TreeMap<>();
                for (int at = 1; at < words.length; at++) settings.put(words[at].split("=")[0], words[at].split("=")[1]);
                script = new CoordinatorScript(settings);
                print.print("a \n\n");
                print.flush();
                continue;
            }
            script.out.clear();
            String answer = script.command(words);
            // As if the one who looks expressions up were there at once.
            while (!script.executor.tasks.isEmpty()) {
                CoordinatorScript it = script;
                var task = it.executor.tasks.pollFirstEntry().getValue();
                it.event(() -> task.get());
            }
            print.println("a " + answer);
            script.out.stream().sorted().forEach(print::println);
            print.println();
            print.flush();
        }
    }
}
