package uis;

import java.util.Arrays;
import java.util.Map;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;

/** One user interface: its pages, each with the calls that it makes and what it has to show. */
abstract class Ui implements AutoCloseable {
    /** What Kafka says of access control where no authorizer is configured; the interfaces look for the error. */
    static final String NO_AUTHORIZER = "No Authorizer is configured on the broker";

    final Cluster cluster;
    private final String name = getClass().getSimpleName().toLowerCase(java.util.Locale.ROOT);

    Ui(Cluster cluster) {
        this.cluster = cluster;
    }

    /** Opens every page. */
    abstract void pages();

    @Override
    public abstract void close();

    /** One page, or one of its buttons: a line on stdout says how it went. */
    void page(String title, Cluster.Look look) {
        long start = System.nanoTime();
        String result = "OK";
        String why = "";
        try {
            look.now();
        } catch (Exception | AssertionError e) {
            result = "ERROR";
            why = e + " at " + Arrays.stream(e.getStackTrace()).filter(each -> each.getClassName().startsWith("uis."))
                .map(each -> each.getFileName() + ":" + each.getLineNumber()).toList();
        }
        long took = (System.nanoTime() - start) / 1_000_000;
        System.out.println(String.join("\t", result, name, title, took + " ms", why.replace('\n', ' ')));
    }

    static ConfigEntry entry(Config config, String setting) {
        ConfigEntry entry = config.get(setting);
        Cluster.check(entry != null, "no " + setting);
        return entry;
    }

    static void setting(Config config, String setting, String value, ConfigEntry.ConfigSource source) {
        ConfigEntry entry = entry(config, setting);
        Cluster.equal(Map.of(entry.value(), entry.source()), Map.of(value, source), setting);
    }
}
