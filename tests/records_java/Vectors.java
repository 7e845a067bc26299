// Writes one batch per codec with Apache Kafka's own producer classes, or reads batches with them.
//
//   java -cp <kafka-clients, codecs, slf4j> Vectors.java write <folder>
//   java -cp <...> Vectors.java read <file>...
// Each batch has 3000 records: key "key-<i>" (null for every 7th), value "value <i> " repeated
// i % 40 times (null for every 11th), one header for every 5th; more than three blocks of any codec.

import java.io.FileOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.*;

public class Vectors {
    static byte[] utf8(String text) { return text.getBytes(StandardCharsets.UTF_8); }
    static byte[] key(int i) { return i % 7 == 0 ? null : utf8("key-" + i); }
    static byte[] value(int i) { return i % 11 == 0 ? null : utf8(("value " + i + " ").repeat(i % 40)); }
    static Header[] headers(int i) {
        return i % 5 == 0 ? new Header[] {new RecordHeader("header", utf8("" + i))} : new Header[0];
    }

    public static void main(String[] args) throws Exception {
        if (args[0].equals("write")) {
            for (CompressionType type : CompressionType.values()) {
                if (type == CompressionType.NONE) continue;
                try (FileOutputStream out = new FileOutputStream(args[1] + "/" + type.name + ".batch")) {
                    out.getChannel().write(write(type));
                }
            }
        } else {
            for (int i = 1; i < args.length; i++) read(args[i]);
        }
    }

    static ByteBuffer write(CompressionType type) {
        MemoryRecordsBuilder builder = new MemoryRecordsBuilder(ByteBuffer.allocate(1 << 21), (byte) 2,
            Compression.of(type).build(), TimestampType.CREATE_TIME, 0L, -1L, 4711L, (short) 2, 100, false, false, -1, 1 << 21);
        for (int i = 0; i < 3000; i++)
            builder.appendWithOffset(i, 1_700_000_000_000L + i, key(i), value(i), headers(i));
        return builder.build().buffer();
    }

    static void read(String file) throws Exception {
        MemoryRecords records = MemoryRecords.readableRecords(ByteBuffer.wrap(Files.readAllBytes(Path.of(file))));
        int i = 0;
        for (MutableRecordBatch batch : records.batches()) {
            batch.ensureValid();
            for (org.apache.kafka.common.record.internal.Record record : batch) {
                check(record.offset() == i && record.timestamp() == 1_700_000_000_000L + i && record.sequence() == 100 + i);
                check(same(record.key(), key(i)) && same(record.value(), value(i)));
                check(java.util.Arrays.equals(record.headers(), headers(i)));
                i++;
            }
            System.out.println(file + ": " + batch.compressionType() + ", " + i + " records, " + batch.sizeInBytes() + " bytes");
        }
        check(i == 3000);
    }

    static boolean same(ByteBuffer found, byte[] expected) {
        return expected == null ? found == null : ByteBuffer.wrap(expected).equals(found);
    }

    static void check(boolean holds) { if (!holds) throw new AssertionError("not what was written"); }
}
