import java.io.ByteArrayOutputStream;
import java.io.PrintStream;

/**
 * Formats the storage when it is new and starts Apache Kafka, in one JVM: half the time of the two
 * shell scripts of the distribution. Arguments: the properties file, the cluster id; without an id the
 * storage is taken as it is.
 */
public final class Server {
    private Server() {
    }

    public static void main(String[] args) {
        if (args.length > 1) {
            format(args);
        }
        kafka.Kafka.main(new String[] {args[0]});
    }

    private static void format(String[] args) {
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        int code = kafka.tools.StorageTool.execute(
            new String[] {"format", "--ignore-formatted", "--standalone", "-t", args[1], "-c", args[0]},
            new PrintStream(said));
        if (code != 0) {
            System.err.println(said);
            System.exit(code);
        }
    }
}
