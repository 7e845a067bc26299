// One command of the command line in tests/clients/README.md.

import java.util.HashMap;
import java.util.List;
import java.util.Map;

final class Job {
    final String command;
    private final Map<String, String> options = new HashMap<>();
    final Map<String, String> config = new HashMap<>();

    private Job(String command) {
        this.command = command;
    }

    static Job parse(List<String> args) {
        Job job = new Job(args.get(0));
        for (int i = 1; i < args.size(); i++) {
            String name = args.get(i);
            if (name.equals("--idempotent")) {
                job.options.put(name, "true");
            } else if (name.equals("--config")) {
                String[] pair = args.get(++i).split("=", 2);
                job.config.put(pair[0], pair[1]);
            } else if (name.startsWith("--")) {
                job.options.put(name, args.get(++i));
            } else {
                throw new IllegalArgumentException("unexpected argument " + name);
            }
        }
        return job;
    }

    /** The same job against this broker. */
    Job at(String bootstrap) {
        options.put("--bootstrap", bootstrap);
        return this;
    }

    boolean has(String name) {
        return options.containsKey(name);
    }

    String text(String name) {
        String value = options.get(name);
        if (value == null) {
            throw new IllegalArgumentException(command + " needs " + name);
        }
        return value;
    }

    String text(String name, String otherwise) {
        return options.getOrDefault(name, otherwise);
    }

    int number(String name, int otherwise) {
        return has(name) ? Integer.parseInt(text(name)) : otherwise;
    }
}
