import java.io.ByteArrayOutputStream;
import java.io.PrintStream;

/**
 * Formats the storage when it is new and starts Apache Kafka, in one JVM: half the time of the two
 * shell scripts of the distribution. Argument: the properties file, the cluster id.
 */
public final class Server {
    private Server() {
    }

    public static void main(String[] args) {
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        int code = kafka.tools.StorageTool.execute(
            new String[] {"format", "--ignore-formatted", "--standalone", "-t", args[1], "-c", args[0]},
            new PrintStream(said));
        if (code != 0) {
            System.err.println(said);
            System.exit(code);
        }
        kafka.Kafka.main(new String[] {args[0]});
    }
}
