// Asks Apache Kafka's own classes for their verdict on produced batches, good and broken ones.
//
// Prints one case per line, which the test `records_verdicts.rs` reads from `cases.txt`:
//   java -cp <kafka-clients, kafka-storage, kafka-server-common, kafka-storage-api, codecs, slf4j> \
//        Verdicts.java <seed> <count> > cases.txt
// `ProduceRequest.validateRecords` and `LogValidator` are Kafka's; the few checks between them
// (`UnifiedLog.analyzeAndValidateRecords` and the size checks of `append`) are private there and
// are repeated here in their order.

import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.*;
import java.util.zip.CRC32C;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.InvalidRecordException;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.*;
import org.apache.kafka.common.requests.ProduceRequest;
import org.apache.kafka.common.utils.*;
import org.apache.kafka.server.common.*;
import org.apache.kafka.storage.internals.log.*;

public class Verdicts {
    static final long NOW = 1_700_000_000_000L;
    static final TopicPartition PARTITION = new TopicPartition("orders", 3);

    public static void main(String[] args) throws Exception {
        Random random = new Random(Long.parseLong(args[0]));
        for (int i = 0; i < Integer.parseInt(args[1]); i++)
            System.out.println(new Case(random).line());
    }

    static class Case {
        final Random random;
        short version;
        CompressionType wanted; // null: as the producer sent it
        TimestampType timestampType;
        long before, after;
        boolean compact;
        int maxMessage, segment;
        byte[] input;

        Case(Random random) throws Exception {
            this.random = random;
            version = one(4) ? (short) (3 + random.nextInt(4)) : (short) (7 + random.nextInt(6));
            wanted = one(2) ? null : CompressionType.forId(random.nextInt(5));
            timestampType = one(4) ? TimestampType.LOG_APPEND_TIME : TimestampType.CREATE_TIME;
            before = one(3) ? 1_000 : Long.MAX_VALUE;
            after = one(3) ? 500 : 3_600_000;
            compact = one(4);
            maxMessage = one(8) ? 100 + random.nextInt(200) : 1_048_588;
            segment = one(12) ? 100 + random.nextInt(200) : 1 << 30;
            input = batch();
            int changes = one(3) ? 0 : 1 + random.nextInt(2);
            for (int i = 0; i < changes; i++) change();
        }

        boolean one(int in) { return random.nextInt(in) == 0; }

        byte[] bytes(int most) {
            byte[] bytes = new byte[random.nextInt(most + 1)];
            random.nextBytes(bytes);
            return bytes;
        }

        long timestamp() {
            switch (random.nextInt(10)) {
                case 0: return -1;
                case 1: return NOW + 400 + random.nextInt(200);
                case 2: return NOW - 900 - random.nextInt(200);
                case 3: return one(3) ? NOW + 3_600_001 : random.nextInt(1000);
                default: return NOW - random.nextInt(900);
            }
        }

        byte[] batch() {
            Compression codec = Compression.of(CompressionType.forId(one(2) ? 0 : random.nextInt(5))).build();
            boolean producer = one(3);
            MemoryRecordsBuilder builder = new MemoryRecordsBuilder(ByteBuffer.allocate(1 << 16), (byte) 2, codec,
                one(10) ? TimestampType.LOG_APPEND_TIME : TimestampType.CREATE_TIME, 0L, one(2) ? NOW : -1L,
                producer ? random.nextInt(5) : -1L, producer ? (short) random.nextInt(3) : (short) -1,
                producer ? random.nextInt(9) : -1, producer && one(2), false, -1, 1 << 16);
            int count = 1 + random.nextInt(4);
            boolean gaps = one(12);
            long offset = 0;
            for (int i = 0; i < count; i++) {
                if (gaps) offset += random.nextInt(3);
                Header[] headers = new Header[one(3) ? random.nextInt(3) : 0];
                for (int h = 0; h < headers.length; h++)
                    headers[h] = new RecordHeader("h" + h, one(3) ? null : bytes(5));
                builder.appendWithOffset(offset++, timestamp(), one(5) ? null : bytes(6), one(5) ? null : bytes(20), headers);
            }
            ByteBuffer built = builder.build().buffer();
            byte[] out = new byte[built.remaining()];
            built.get(out);
            ByteBuffer.wrap(out).putInt(23, count - 1);
            return seal(out);
        }

        static byte[] seal(byte[] batch) {
            if (batch.length < 61) return batch;
            CRC32C crc = new CRC32C();
            crc.update(batch, 21, batch.length - 21);
            ByteBuffer.wrap(batch).putInt(17, (int) crc.getValue());
            return batch;
        }

        void change() throws Exception {
            if (input.length < 61) return;
            ByteBuffer buffer = ByteBuffer.wrap(input);
            int small = random.nextInt(9) - 3;
            switch (random.nextInt(20)) {
                case 0: input[random.nextInt(input.length)] ^= 1 << random.nextInt(8); break;
                case 1: buffer.putLong(0, small); break;
                case 2: buffer.putInt(8, one(2) ? small : input.length - 12 + small); break;
                case 3: buffer.put(16, (byte) small); break;
                case 4: buffer.putShort(21, (short) (buffer.getShort(21) ^ (1 << random.nextInt(9)))); seal(input); break;
                case 5: buffer.putInt(23, small); seal(input); break;
                case 6: buffer.putInt(57, small); seal(input); break;
                case 7: buffer.putInt(57, small); buffer.putInt(23, small - 1); seal(input); break;
                case 8: buffer.putLong(27, buffer.getLong(27) + (one(2) ? 1_000_000 : small)); seal(input); break;
                case 9: buffer.putLong(35, one(2) ? -1 : NOW + small); seal(input); break;
                case 10: buffer.putLong(43, small); seal(input); break;
                case 11: buffer.putShort(51, (short) small); seal(input); break;
                case 12: buffer.putInt(53, small); seal(input); break;
                case 13: input = Arrays.copyOf(input, random.nextInt(input.length)); break;
                case 14: input = concat(input, one(2) ? bytes(30) : batch()); break;
                case 15: input[61 + random.nextInt(Math.max(1, input.length - 61)) - (input.length == 61 ? 1 : 0)] ^= 1 << random.nextInt(8); seal(input); break;
                default: changeRecords(); break;
            }
        }

        /** Breaks the records themselves, under the compression. */
        void changeRecords() throws Exception {
            int codec = input[22] & 7;
            if (codec > 4 || ByteBuffer.wrap(input).getInt(8) != input.length - 12) return;
            Compression compression = Compression.of(CompressionType.forId(codec)).build();
            byte[] records;
            try {
                InputStream in = compression.wrapForInput(ByteBuffer.wrap(input, 61, input.length - 61).slice(), (byte) 2, BufferSupplier.NO_CACHING);
                records = in.readAllBytes();
            } catch (Throwable e) {
                return;
            }
            if (records.length == 0) return;
            int at = random.nextInt(records.length);
            switch (random.nextInt(4)) {
                case 0: records[at] ^= 1 << random.nextInt(8); break;
                case 1: records = Arrays.copyOf(records, at); break;
                case 2: records = concat(records, bytes(4)); break;
                default: records[at] += one(2) ? 1 : 2; break;
            }
            ByteBufferOutputStream out = new ByteBufferOutputStream(1 << 17);
            try (java.io.OutputStream stream = compression.wrapForOutput(out, (byte) 2)) {
                stream.write(records);
            }
            out.buffer().flip();
            byte[] packed = new byte[out.buffer().remaining()];
            out.buffer().get(packed);
            input = concat(Arrays.copyOf(input, 61), packed);
            ByteBuffer.wrap(input).putInt(8, input.length - 12);
            seal(input);
        }

        static byte[] concat(byte[] a, byte[] b) {
            byte[] out = Arrays.copyOf(a, a.length + b.length);
            System.arraycopy(b, 0, out, a.length, b.length);
            return out;
        }

        String line() throws Exception {
            return String.join("\t", "" + version, wanted == null ? "producer" : wanted.name,
                timestampType.name, "" + before, "" + after, compact ? "1" : "0", "" + maxMessage, "" + segment,
                hex(input), verdict());
        }

        /** code, answer message, record errors, or 0, header and checksum of the opened records. */
        String verdict() throws Exception {
            try {
                MemoryRecords out = append(MemoryRecords.readableRecords(ByteBuffer.wrap(input.clone())));
                MutableRecordBatch batch = out.batches().iterator().next();
                ByteBuffer bytes = ByteBuffer.allocate(batch.sizeInBytes());
                batch.writeTo(bytes);
                InputStream in = ((DefaultRecordBatch) batch).recordInputStream(BufferSupplier.NO_CACHING);
                CRC32C crc = new CRC32C();
                byte[] opened = in.readAllBytes();
                crc.update(opened);
                return "0\t" + hex(Arrays.copyOf(bytes.array(), 61)) + "\t" + crc.getValue();
            } catch (RecordValidationException e) {
                StringJoiner errors = new StringJoiner("|");
                e.recordErrors().forEach(error -> errors.add(error.batchIndex + "=" + error.message));
                return Errors.forException(e.invalidException()).code() + "\t" + e.invalidException().getMessage() + "\t" + errors;
            } catch (Throwable e) {
                return Errors.forException(e).code() + "\t-\t" + String.valueOf(e.getMessage()).replaceAll("[\\t\\n]", " ");
            }
        }

        MemoryRecords append(MemoryRecords records) {
            ProduceRequest.validateRecords(version, records);
            MutableRecordBatch batch = records.batches().iterator().next();
            if (batch.baseOffset() != 0)
                throw new InvalidRecordException("The baseOffset of the record batch in the append to " + PARTITION + " should be 0, but it is " + batch.baseOffset());
            if (batch.sizeInBytes() > maxMessage)
                throw new RecordTooLargeException("too large");
            if (!batch.isValid())
                throw new CorruptRecordException("Record is corrupt (stored crc = " + batch.checksum() + ") in topic partition " + PARTITION + ".");
            CompressionType source = CompressionType.forId(batch.compressionType().id);
            Compression target = Compression.of(wanted == null ? source : wanted).build();
            ByteBuffer whole = records.buffer().duplicate();
            whole.limit(whole.position() + batch.sizeInBytes());
            LogValidator validator = new LogValidator(MemoryRecords.readableRecords(whole.slice()), PARTITION,
                new MockTime(), source, target, compact, (byte) 2, timestampType, before, after, 0, AppendOrigin.CLIENT);
            LogValidator.ValidationResult result = validator.validateMessagesAndAssignOffsets(
                PrimitiveRef.ofLong(0), new NoMetrics(), BufferSupplier.NO_CACHING);
            MemoryRecords out = result.validatedRecords();
            if (result.messageSizeMaybeChanged() && out.sizeInBytes() > maxMessage)
                throw new RecordTooLargeException("too large after recompression");
            if (out.sizeInBytes() > segment)
                throw new RecordBatchTooLargeException("larger than a segment");
            return out;
        }
    }

    static String hex(byte[] bytes) {
        StringBuilder out = new StringBuilder();
        for (byte b : bytes) out.append(String.format("%02x", b));
        return out.toString();
    }

    static class MockTime implements Time {
        public long milliseconds() { return NOW; }
        public long nanoseconds() { return 0; }
        public void sleep(long ms) { }
        public void waitObject(Object o, java.util.function.Supplier<Boolean> c, long d) { }
        public org.apache.kafka.common.utils.Timer timer(long timeoutMs) { return null; }
        public <T> T waitForFuture(java.util.concurrent.CompletableFuture<T> future, long deadlineNs) { return null; }
        public long hiResClockMs() { return NOW; }
    }

    static class NoMetrics implements LogValidator.MetricsRecorder {
        public void recordInvalidMagic() { }
        public void recordInvalidOffset() { }
        public void recordInvalidSequence() { }
        public void recordInvalidChecksums() { }
        public void recordNoKeyCompactedTopic() { }
    }
}
