import java.io.PrintStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.coordinator.group.api.assignor.ConsumerGroupPartitionAssignor;
import org.apache.kafka.coordinator.group.api.assignor.GroupAssignment;
import org.apache.kafka.coordinator.group.api.assignor.SubscribedTopicDescriber;
import org.apache.kafka.coordinator.group.api.assignor.SubscriptionType;
import org.apache.kafka.coordinator.group.assignor.RangeAssignor;
import org.apache.kafka.coordinator.group.assignor.UniformAssignor;
import org.apache.kafka.coordinator.group.modern.Assignment;
import org.apache.kafka.coordinator.group.modern.GroupSpecImpl;
import org.apache.kafka.coordinator.group.modern.MemberSubscriptionAndAssignmentImpl;

/**
 * Random groups through Kafka's assignors: members come, go and change their minds, topics grow, and each
 * round begins with the assignment of the one before.
 *
 *   java -cp "<kafka>/libs/*" AssignorVectors.java > assignors.txt
 *
 * Maps and sets are handed over in the order of their keys, so that nothing hangs on a hash. Topic n is
 * the id (0, n), from 100 on the id (-n, n), so that signs count; those are used where Kafka sorts.
 */
public class AssignorVectors {
    static final PrintStream OUT = System.out;

    static class Member {
        String instance;
        TreeSet<Integer> topics = new TreeSet<>();
        TreeMap<Integer, TreeSet<Integer>> assigned = new TreeMap<>();
    }

    static Uuid id(int topic) {
        return topic < 100 ? new Uuid(0, topic) : new Uuid(-topic, topic);
    }

    static int topic(Uuid id) {
        return (int) id.getLeastSignificantBits();
    }

    public static void main(String[] args) throws Exception {
        for (int seed = 0; seed < 120; seed++) {
            Random random = new Random(seed);
            boolean same = seed % 3 == 0;
            ConsumerGroupPartitionAssignor assignor = seed % 4 == 3 ? new RangeAssignor() : new UniformAssignor();
            run(random, assignor, same);
        }
    }

    static void run(Random random, ConsumerGroupPartitionAssignor assignor, boolean same) throws Exception {
        TreeMap<Integer, Integer> topics = new TreeMap<>();
        TreeMap<String, Member> members = new TreeMap<>();
        TreeSet<Integer> common = new TreeSet<>();
        int topicCount = 1 + random.nextInt(6);
        for (int i = 1; i <= topicCount; i++) {
            int topic = !same && random.nextInt(4) == 0 ? 100 + i : i;
            topics.put(topic, 1 + random.nextInt(random.nextInt(4) == 0 ? 30 : 7));
        }
        for (int round = 0; round < 6; round++) {
            change(random, topics, members, common, same);
            if (members.isEmpty()) continue;
            // In the order of a hash, the odd ids would come elsewhere.
            boolean homogeneous = topics.lastKey() < 100 && members.values().stream().allMatch(m -> m.topics.equals(members.firstEntry().getValue().topics));
            assign(assignor, homogeneous, topics, members);
        }
    }

    static void change(Random random, TreeMap<Integer, Integer> topics, TreeMap<String, Member> members,
                       TreeSet<Integer> common, boolean same) {
        if (random.nextInt(3) == 0) {
            Integer grown = new ArrayList<>(topics.keySet()).get(random.nextInt(topics.size()));
            topics.put(grown, topics.get(grown) + 1 + random.nextInt(4));
        }
        if (common.isEmpty() || random.nextInt(3) == 0) {
            common.clear();
            common.addAll(some(random, topics));
        }
        int joins = random.nextInt(4);
        for (int i = 0; i < joins; i++) {
            Member member = new Member();
            if (random.nextInt(3) == 0) member.instance = "i" + random.nextInt(1000);
            member.topics.addAll(same ? common : some(random, topics));
            members.put("m" + random.nextInt(1000), member);
        }
        if (random.nextInt(2) == 0 && members.size() > 1) {
            members.remove(new ArrayList<>(members.keySet()).get(random.nextInt(members.size())));
        }
        for (Member member : members.values()) {
            if (same) member.topics = new TreeSet<>(common);
            else if (random.nextInt(6) == 0) member.topics = some(random, topics);
        }
    }

    static TreeSet<Integer> some(Random random, TreeMap<Integer, Integer> topics) {
        TreeSet<Integer> some = new TreeSet<>();
        for (Integer topic : topics.keySet()) if (random.nextInt(3) > 0) some.add(topic);
        return some;
    }

    static void assign(ConsumerGroupPartitionAssignor assignor, boolean homogeneous,
                       TreeMap<Integer, Integer> topics, TreeMap<String, Member> members) throws Exception {
        OUT.println("case " + assignor.name() + " " + (homogeneous ? "same" : "mixed"));
        topics.forEach((topic, partitions) -> OUT.println("topic " + topic + " " + partitions));
        Map<String, MemberSubscriptionAndAssignmentImpl> specs = new LinkedHashMap<>();
        Map<Uuid, Map<Integer, String>> inverted = new TreeMap<>();
        for (Map.Entry<String, Member> entry : members.entrySet()) {
            Member member = entry.getValue();
            OUT.println("member " + entry.getKey() + " " + (member.instance == null ? "-" : member.instance) + " "
                + list(member.topics) + " " + text(member.assigned));
            Map<Uuid, Set<Integer>> assigned = new LinkedHashMap<>();
            member.assigned.forEach((topic, partitions) -> {
                assigned.put(id(topic), partitions);
                for (Integer p : partitions) inverted.computeIfAbsent(id(topic), __ -> new TreeMap<>()).put(p, entry.getKey());
            });
            Set<Uuid> wanted = new java.util.LinkedHashSet<>();
            for (Integer topic : member.topics) wanted.add(id(topic));
            specs.put(entry.getKey(), new MemberSubscriptionAndAssignmentImpl(
                Optional.empty(), Optional.ofNullable(member.instance), wanted, new Assignment(assigned)));
        }
        GroupAssignment result = assignor.assign(
            new GroupSpecImpl(specs, homogeneous ? SubscriptionType.HOMOGENEOUS : SubscriptionType.HETEROGENEOUS, inverted),
            new SubscribedTopicDescriber() {
                @Override public int numPartitions(Uuid id) {
                    return topics.getOrDefault(topic(id), -1);
                }

                @Override public Set<String> racksForPartition(Uuid id, int partition) {
                    return Set.of();
                }
            });
        for (Map.Entry<String, Member> entry : members.entrySet()) {
            TreeMap<Integer, TreeSet<Integer>> assigned = new TreeMap<>();
            if (result.members().containsKey(entry.getKey())) {
                result.members().get(entry.getKey()).partitions()
                    .forEach((id, partitions) -> assigned.put(topic(id), new TreeSet<>(partitions)));
            }
            entry.getValue().assigned = assigned;
            OUT.println("result " + entry.getKey() + " " + text(assigned));
        }
    }

    static String list(Iterable<Integer> numbers) {
        List<String> texts = new ArrayList<>();
        numbers.forEach(number -> texts.add(number.toString()));
        return texts.isEmpty() ? "-" : String.join(",", texts);
    }

    static String text(TreeMap<Integer, TreeSet<Integer>> assigned) {
        List<String> texts = new ArrayList<>();
        assigned.forEach((topic, partitions) -> texts.add(topic + ":" + list(partitions)));
        return texts.isEmpty() ? "-" : String.join(";", texts);
    }
}
