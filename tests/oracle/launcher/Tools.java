import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Kafka's command line tools one after the other in one JVM, so that a test pays for one start.
 * A line on stdin is {"tool", "args", "stdin"}; the answer on stdout is {"code", "stdout", "stderr"}.
 * Between two runs everything that a tool may have left behind is put back.
 */
public final class Tools {
    private static final Map<String, String> MAINS = Map.ofEntries(
        Map.entry("kafka-topics", "org.apache.kafka.tools.TopicCommand"),
        Map.entry("kafka-configs", "kafka.admin.ConfigCommand"),
        Map.entry("kafka-console-producer", "org.apache.kafka.tools.ConsoleProducer"),
        Map.entry("kafka-console-consumer", "org.apache.kafka.tools.consumer.ConsoleConsumer"),
        Map.entry("kafka-consumer-groups", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"),
        Map.entry("kafka-get-offsets", "org.apache.kafka.tools.GetOffsetShell"),
        Map.entry("kafka-delete-records", "org.apache.kafka.tools.DeleteRecordsCommand"),
        Map.entry("kafka-broker-api-versions", "org.apache.kafka.tools.BrokerApiVersionsCommand"),
        Map.entry("kafka-log-dirs", "org.apache.kafka.tools.LogDirsCommand"),
        Map.entry("kafka-producer-perf-test", "org.apache.kafka.tools.ProducerPerformance"),
        Map.entry("kafka-acls", "org.apache.kafka.tools.AclCommand"),
        Map.entry("kafka-metadata-quorum", "org.apache.kafka.tools.MetadataQuorumCommand"),
        Map.entry("kafka-transactions", "org.apache.kafka.tools.TransactionsCommand"));

    private static final PrintStream OUT = System.out;
    private static final PrintStream ERR = System.err;

    /** Thrown in place of the exit that a tool asks for. */
    private static final class Exited extends Error {
        private static final long serialVersionUID = 1L;

        /** Some tools print whatever they catch: this says nothing. */
        @Override
        public String getMessage() {
            return "";
        }

        @Override
        public String toString() {
            return "";
        }

        @Override
        public StackTraceElement[] getStackTrace() {
            return new StackTraceElement[0];
        }

        @Override
        public synchronized Throwable fillInStackTrace() {
            return this;
        }
    }

    /** What a tool wants done when the JVM ends: the console producer closes its producer there. */
    private static final List<Runnable> HOOKS = new ArrayList<>();

    private static Integer code;

    private Tools() {
    }

    public static void main(String[] args) throws Exception {
        ObjectMapper json = new ObjectMapper();
        Exit.Procedure exit = (status, message) -> {
            if (code == null) {
                code = status;
            }
            throw new Exited();
        };
        Exit.setExitProcedure(exit);
        Exit.setHaltProcedure(exit);
        Exit.setShutdownHookAdder((name, hook) -> HOOKS.add(hook));
        BufferedReader commands =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            OUT.println(json.writeValueAsString(run(json.readTree(line))));
            OUT.flush();
        }
        Runtime.getRuntime().halt(0);
    }

    private static Map<String, Object> run(JsonNode command) throws Exception {
        String name = command.get("tool").asText();
        Class<?> tool = Class.forName(MAINS.getOrDefault(name, name));
        forget(tool);
        String[] args = new ObjectMapper().convertValue(command.get("args"), String[].class);
        ByteArrayOutputStream stdout = new ByteArrayOutputStream();
        ByteArrayOutputStream stderr = new ByteArrayOutputStream();
        code = null;
        System.setIn(new ByteArrayInputStream(command.get("stdin").asText().getBytes(StandardCharsets.UTF_8)));
        System.setOut(new PrintStream(stdout, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(stderr, true, StandardCharsets.UTF_8));
        try {
            call(tool, args);
            for (Runnable hook : HOOKS) {
                hook.run();
            }
        } finally {
            HOOKS.clear();
            System.setOut(OUT);
            System.setErr(ERR);
        }
        return Map.of("code", code == null ? 0 : code,
            "stdout", stdout.toString(StandardCharsets.UTF_8),
            "stderr", stderr.toString(StandardCharsets.UTF_8));
    }

    private static void call(Class<?> tool, String[] args) throws Exception {
        Method main = tool.getMethod("main", String[].class);
        try {
            main.invoke(null, (Object) args);
        } catch (InvocationTargetException error) {
            if (!(error.getCause() instanceof Exited)) {
                code = code == null ? 1 : code;
                StringWriter text = new StringWriter();
                error.getCause().printStackTrace(new PrintWriter(text));
                System.err.print(text);
            }
        }
    }

    /** The consumer counts its records in a static field. */
    private static void forget(Class<?> tool) throws IllegalAccessException {
        for (Field field : tool.getDeclaredFields()) {
            if (field.getName().equals("messageCount")) {
                field.setAccessible(true);
                field.setInt(null, 0);
            }
        }
    }
}
