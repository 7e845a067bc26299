// The Java form of the rule in tests/clients/README.md: the records every
// driver produces, a pure function of (seed, index). It must never ask a clock
// or draw from any other source.

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;

final class Records {
    private static final int GOLDEN = 0x9E3779B9;
    private static final long BASE_TIMESTAMP = 1_700_000_000_000L;
    private static final String[] NAMES = {"a", "trace-id", "content-type", "имя", "x.y", "zero"};

    private Records() {}

    record Header(String name, byte[] value) {}

    record Record(int partition, long timestamp, byte[] key, byte[] value, List<Header> headers) {
        /** What `consume` writes for a record. */
        String line(long offset) {
            String text = headers.stream().map(h -> h.name() + "=" + asHex(h.value())).collect(Collectors.joining(";"));
            return partition + "\t" + offset + "\t" + timestamp + "\t" + asHex(key) + "\t" + asHex(value) + "\t" + text
                + "\n";
        }
    }

    /** MurmurHash3's 32-bit finaliser. */
    private static int mix32(int z) {
        z ^= z >>> 16;
        z *= 0x85EBCA6B;
        z ^= z >>> 13;
        z *= 0xC2B2AE35;
        return z ^ (z >>> 16);
    }

    /** The stream of 32-bit draws of one record, given as unsigned longs. */
    private static final class Draws {
        private int state;

        Draws(int seed, int index) {
            state = mix32(seed ^ mix32(index + GOLDEN));
        }

        long next() {
            state += GOLDEN;
            return Integer.toUnsignedLong(mix32(state));
        }

        /** `length` bytes: that many draws, little-endian, repeated. */
        byte[] fill(int words, int length) {
            byte[] unit = new byte[4 * words];
            for (int w = 0; w < words; w++) {
                long draw = next();
                for (int b = 0; b < 4; b++) {
                    unit[4 * w + b] = (byte) (draw >>> (8 * b));
                }
            }
            byte[] out = new byte[length];
            for (int i = 0; i < length; i++) {
                out[i] = unit[i % unit.length];
            }
            return out;
        }
    }

    /** The record with this index; `size` >= 0 fixes the value's length. */
    static Record of(int seed, int index, int partitions, int size) {
        Draws draws = new Draws(seed, index);
        int partition = (int) (draws.next() % partitions);
        long timestamp = timestamp(draws, index);
        byte[] key = key(draws);
        byte[] value = value(draws, size);
        return new Record(partition, timestamp, key, value, headers(draws));
    }

    private static long timestamp(Draws draws, int index) {
        long d = draws.next();
        if (index % 1000 == 7) {
            return 1 + d % 86_400_000L;
        }
        return BASE_TIMESTAMP + index * 37L + d % 1000;
    }

    private static byte[] key(Draws draws) {
        long d = draws.next();
        if (d % 10 < 2) {
            return null;
        }
        if (d % 10 == 2) {
            return new byte[0];
        }
        return draws.fill(2, (int) (1 + (d >>> 8) % 24));
    }

    private static byte[] value(Draws draws, int size) {
        long d = draws.next();
        if (size >= 0) {
            return draws.fill(3, size);
        }
        return switch ((int) (d % 64)) {
            case 0, 16, 32, 48 -> null;
            case 1, 17, 33, 49 -> new byte[0];
            case 2 -> draws.fill(3, (int) (1 + (d >>> 8) % 8192));
            default -> draws.fill(3, (int) (1 + (d >>> 8) % 200));
        };
    }

    private static List<Header> headers(Draws draws) {
        List<Header> headers = new ArrayList<>();
        int name = -1;
        long n = draws.next() % 4;
        for (int j = 0; j < n; j++) {
            long x = draws.next();
            if (j == 0 || (x & 1) == 0) {
                name += 1 + (int) ((x >>> 1) % 2);
            }
            headers.add(new Header(NAMES[name], headerValue(draws, x)));
        }
        return headers;
    }

    private static byte[] headerValue(Draws draws, long x) {
        return switch ((int) ((x >>> 8) % 4)) {
            case 0 -> null;
            case 1 -> new byte[0];
            default -> draws.fill(1, (int) (1 + (x >>> 12) % 16));
        };
    }

    /** Hexadecimal, or `~` for null. */
    private static String asHex(byte[] data) {
        return data == null ? "~" : HexFormat.of().formatHex(data);
    }
}
