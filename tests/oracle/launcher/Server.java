import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Formats the storage when it is new and starts Apache Kafka, in one JVM: half the time of the two
 * shell scripts of the distribution. Arguments: the properties file, the cluster id; without an id the
 * storage is taken as it is. More arguments are options for formatting, and then that is all.
 */
public final class Server {
    private Server() {
    }

    public static void main(String[] args) throws IOException {
        if (args.length > 1) {
            format(args);
        }
        if (args.length <= 2) {
            kafka.Kafka.main(new String[] {args[0]});
        }
    }

    private static void format(String[] args) throws IOException {
        List<String> command = new ArrayList<>(
            List.of("format", "--ignore-formatted", "-t", args[1], "-c", args[0]));
        if (!Files.readString(Path.of(args[0])).contains("controller.quorum.voters")) {
            command.add("--standalone");
        }
        command.addAll(Arrays.asList(args).subList(2, args.length));
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        int code = kafka.tools.StorageTool.execute(command.toArray(new String[0]), new PrintStream(said));
        if (code != 0) {
            System.err.println(said);
            System.exit(code);
        }
    }
}
