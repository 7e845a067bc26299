// The hashes by which Apache Kafka notices that a group's topics have changed.
//
//     java -cp "<kafka>/libs/*" HashVectors.java
//
// The numbers stand in src/coordinator/groups/consumer/tests/hashes.rs.

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.ArrayList;
import java.util.Arrays;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.coordinator.common.runtime.CoordinatorMetadataImage;
import org.apache.kafka.coordinator.group.Utils;
import java.lang.reflect.Proxy;

public class HashVectors {
    static CoordinatorMetadataImage image(Map<String, Integer> topics, String rack) {
        return (CoordinatorMetadataImage) Proxy.newProxyInstance(HashVectors.class.getClassLoader(),
            new Class<?>[] {CoordinatorMetadataImage.class}, (proxy, method, args) -> {
                if (!method.getName().equals("topicMetadata")) throw new UnsupportedOperationException(method.getName());
                String name = (String) args[0];
                Integer count = topics.get(name);
                if (count == null) return Optional.empty();
                long low = 1000 + new ArrayList<>(topics.keySet()).indexOf(name);
                return Optional.of(Proxy.newProxyInstance(HashVectors.class.getClassLoader(),
                    new Class<?>[] {CoordinatorMetadataImage.TopicMetadata.class}, (p, m, a) -> switch (m.getName()) {
                        case "id" -> new Uuid(0, low);
                        case "name" -> name;
                        case "partitionCount" -> count;
                        case "partitionRacks" -> rack == null ? new ArrayList<String>() : new ArrayList<>(List.of(rack));
                        default -> throw new UnsupportedOperationException(m.getName());
                    }));
            });
    }

    static long hash(Map<String, Integer> topics, String rack) {
        Map<String, Long> hashes = new HashMap<>();
        for (String name : topics.keySet()) hashes.put(name, Utils.computeTopicHash(name, image(topics, rack)));
        return Utils.computeGroupHash(hashes);
    }

    public static void main(String[] args) {
        System.out.println(hash(Map.of(), null));
        System.out.println(hash(Map.of("t", 1), null));
        Map<String, Integer> two = new java.util.LinkedHashMap<>();
        two.put("foo", 3);
        two.put("bar", 40);
        System.out.println(hash(two, null));
        System.out.println(hash(two, "rack-\u00e9"));
    }
}
