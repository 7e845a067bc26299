package uis;

import java.util.List;
import java.util.function.Function;

/**
 * Opens every page of user interfaces that are made for Kafka, as calls of the client that they use: `Replay H:P PREFIX`.
 * It must never repair anything: what an interface would show is what is checked.
 */
public final class Replay {
    private Replay() {}

    public static void main(String[] args) throws Exception {
        try (Cluster cluster = new Cluster(args[0], args[1])) {
            List<Function<Cluster, Ui>> uis = List.of(Kafdrop::new, Akhq::new, Kafbat::new);
            for (Function<Cluster, Ui> each : uis) {
                try (Ui ui = each.apply(cluster)) {
                    ui.pages();
                }
            }
        }
        System.exit(0);
    }
}
