package uis;

import java.util.List;
import java.util.function.Function;

/**
 * Opens every page of user interfaces that are made for Kafka, as calls of the client that they use: `Replay SETTING=VALUE H:P PREFIX`, where no
 * other program changes this setting of the broker.
 * It must never repair anything: what an interface would show is what is checked.
 */
public final class Replay {
    private Replay() {}

    public static void main(String[] args) throws Exception {
        try (Cluster cluster = new Cluster(args[1], args[2], args[0].split("="))) {
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
