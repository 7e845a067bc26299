// What RE2/J says of expressions and names: one line each, `pattern<TAB>verdict<TAB>names that match`.
//
//     java -cp "<kafka>/libs/*" RegexVectors.java > regexes.txt

import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import java.nio.charset.StandardCharsets;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;

public class RegexVectors {
    static final String[] NAMES = {
        "", "a", "b", "ab", "abc", "a.b", "a-b", "a_b", "A", "AB", "1", "12", "foo", "foo-1", "foo.bar", "FOO",
        "__consumer_offsets", "aaa", "x", "z9", "a1b2"
    };
    static final String[] PARTS = {
        "a", "b", "ab", "foo", ".", ".*", ".+", "-", "_", "1", "[a-z]", "[^a-z]", "[a-z0-9._-]", "[]a]", "[^]a]",
        "[[a]", "[a&&b]", "[a-]", "[-a]", "[\\w-]", "[\\d.]", "[[:alpha:]]", "[[:^alpha:]]", "[[:digit:]_]", "[^\\W]",
        "\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "\\.", "\\-", "\\_", "\\pL", "\\p{Lu}", "\\PL", "\\p{^L}", "\\p{Greek}",
        "\\x61", "\\x{62}", "\\101", "\\07", "\\1", "\\Qa.b\\E", "\\Qab", "\\b", "\\B", "\\A", "\\z", "\\Z", "\\C", "\\G",
        "^", "$", "|", "(", ")", "(?:", "(?i)", "(?i:", "(?s)", "(?-i)", "(?U)", "(?x)", "(?P<n>", "(?<m>", "(?=", "(?!",
        "*", "+", "?", "*?", "+?", "??", "{2}", "{1,}", "{0,2}", "{2,1}", "{,2}", "{", "}", "{1001}", "**", "\\a", "\\n",
        "\\q", "\\", "]", "/", "#", " ", "~", "\u00e9", "\\u0061", "\\e", "\\<"
    };
    static final String[] ODD_PARTS = {
        "\\p{IsGreek}", "\\p{letter}", "\\p{lu}", "\\pl", "\\p{Letter}", "\\p{Any}", "\\p{any}", "\\p{L_}", "\\p{Grek}",
        "\\p{Latin}", "\\P{Latin}", "\\p{Common}", "\\p{^Common}", "\\p{Pd}", "\\p{Po}", "\\pN", "\\pP", "\\PP", "\\p{Zs}", "\\pC",
        "[\\pN_]", "[^\\pL]", "[\\p{Latin}-]", "[\\P{Pd}]", "[^\\p{Greek}]", "[\\p{Han}a]", "[\u00e9]", "[^\u00e9]", "(?ii)", "(?i-i)", "(?i-s)",
        "(?)", "(?:)", "(?-)", "(?--i)", "(?i-)", "(?sU)", "(?P<1a>", "(?<1>", "(?P<>", "(?<>", "(?<a-b>", "\\x{D800}", "[\\x{D800}a]",
        "[a-\\x{DFFF}]", "[a-\\x{10FFFF}]", ".{1,20}", "[^.]{1,126}", "\\p{L}{4}"
    };

    // As they are: with the others they would make more of what takes RE2/J for ever.
    static final String[] WHOLE = {
        "a{01}", "a{1,02}", "a{00}", "a{0}", "a{0,1}", "a{01", "(ab){02,}", "[[:]", "[[::]]", "[[:a]", "[[:]a:]]", "[[:a:]]"
    };

    public static void main(String[] args) {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        TreeSet<String> patterns = new TreeSet<>();
        for (String part : PARTS) patterns.add(part);
        Random random = new Random(1);
        while (patterns.size() < 4000) {
            StringBuilder pattern = new StringBuilder();
            int parts = 1 + random.nextInt(5);
            for (int i = 0; i < parts; i++) pattern.append(PARTS[random.nextInt(PARTS.length)]);
            patterns.add(pattern.toString());
        }
        while (patterns.size() < 6000) {
            StringBuilder pattern = new StringBuilder();
            int parts = 1 + random.nextInt(4);
            for (int i = 0; i < parts; i++) {
                String[] from = random.nextInt(2) == 0 ? PARTS : ODD_PARTS;
                pattern.append(from[random.nextInt(from.length)]);
            }
            patterns.add(pattern.toString());
        }
        for (String whole : WHOLE) patterns.add(whole);
        for (String text : patterns) {
            Pattern pattern;
            try {
                pattern = Pattern.compile(text);
            } catch (PatternSyntaxException e) {
                out.println(text + "\tinvalid\t");
                continue;
            }
            List<String> matching = new ArrayList<>();
            for (String name : NAMES) if (pattern.matcher(name).matches()) matching.add(name.isEmpty() ? "~" : name);
            out.println(text + "\tvalid\t" + String.join(" ", matching));
        }
        out.flush();
    }
}
