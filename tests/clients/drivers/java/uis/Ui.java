package uis;

import java.util.Arrays;
import java.util.Map;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.common.errors.UnsupportedVersionException;

/** One user interface: its pages, each with the calls that it makes and what it has to show. */
abstract class Ui implements AutoCloseable {
    /** What Kafka says of access control where no authorizer is configured; the interfaces look for the error. */
    static final String NO_AUTHORIZER = "No Authorizer is configured on the broker";

    final Cluster cluster;
    private final String name = getClass().getSimpleName().toLowerCase(java.util.Locale.ROOT);
    private boolean failed;

    Ui(Cluster cluster) {
        this.cluster = cluster;
    }

    /** Opens every page. */
    abstract void pages();

    @Override
    public abstract void close();

    /** One page, or one of its buttons: a line on stdout says how it went. A broker without the API is told apart. */
    void page(String title, Cluster.Look look) {
        long start = System.nanoTime();
        String result = "OK";
        String why = "";
        try {
            look.now();
        } catch (UnsupportedVersionException e) {
            result = "UNSUPPORTED";
            why = e.getMessage();
        } catch (Exception | AssertionError e) {
            result = "ERROR";
            why = e + " at " + Arrays.stream(e.getStackTrace()).filter(each -> each.getClassName().startsWith("uis."))
                .map(each -> each.getFileName() + ":" + each.getLineNumber()).toList();
            failed = true;
        }
        long took = (System.nanoTime() - start) / 1_000_000;
        System.out.println(String.join("\t", result, name, title, took + " ms", why.replace('\n', ' ')));
    }

    boolean failed() {
        return failed;
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
