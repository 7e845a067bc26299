//! Expressions in the words of RE2/J, and what RE2/J itself says of thousands.

use super::*;

fn matches(pattern: &str, name: &str) -> bool {
    compile(pattern).unwrap().is_match(name)
}

#[test]
fn a_name_is_matched_as_a_whole() {
    assert!(matches("foo.*", "foo-1"));
    assert!(!matches("foo", "foo-1"));
    assert!(!matches("oo-1", "foo-1"));
    assert!(matches("a|ab", "ab"), "the second choice makes a whole");
    assert!(matches("", ""));
}

#[test]
fn what_both_write_alike_means_what_it_means_in_re2() {
    assert!(matches("[[a]", "["), "a bracket in a class is itself");
    assert!(matches("[a&&b]", "&"));
    for text in ["a{,2}", "a{01}", "a{1,02}", "a{00}"] {
        assert!(matches(text, text), "not a repetition");
    }
    assert!(matches(r"\<a", "<a"));
    assert!(matches(r"a\b{start}", "a{start}"));
    assert!(matches(r"\Qa.b\E+", "a.bb"));
    assert!(!matches(r"\Qa.b\E", "acb"));
    assert!(!matches(r"\d", "\u{0663}"), "digits are of ASCII");
    assert!(matches(r"[\d_-]+", "1_-2"));
    assert!(matches(r"\101\x42\x{43}", "ABC"));
    assert!(matches("(?i)AbC[[:digit:]]", "aBc7"));
    assert!(matches(r"(?P<x>a)(?<y>b)", "ab"));
}

#[test]
fn what_re2_does_not_know_is_invalid() {
    for pattern in [
        "(",
        ")",
        "a)|(b",
        "a)(?:b",
        "a)(?i)|(?P<x>b",
        "[",
        "[b-a]",
        "*a",
        "a**",
        "a{2}{3}",
        "a{1001}",
        r"\1",
        r"\u0041",
        r"\C",
        "(?x)a",
        "(?=a)",
        "(?<=a)b",
        "(?<!a)b",
        r"a\",
        r"[[:nope:]]",
        r"\p{No_Such}",
        "a{3,2}",
    ] {
        assert!(check(pattern).is_err(), "{pattern} is valid");
    }
    let refusal = check("(").unwrap_err();
    assert_eq!(refusal.code, ErrorCode::INVALID_REGULAR_EXPRESSION);
}

/// What RE2/J 1.8 said of each.
#[test]
fn what_is_wrong_is_said_in_the_words_of_re2() {
    for (pattern, why) in [
        ("(", "missing closing )"),
        ("(?:", "missing closing )"),
        ("[", "missing closing ]"),
        ("[]", "missing closing ]"),
        ("[z-a]", "invalid character class range"),
        ("[[:foo:]]", "invalid character class range"),
        ("[[:]", "invalid character class range"),
        ("[[::]]", "invalid character class range"),
        (r"\p{Foo}", "invalid character class range"),
        ("a**", "invalid nested repetition operator"),
        ("a{2}{3}", "invalid nested repetition operator"),
        ("*", "missing argument to repetition operator"),
        ("|*", "missing argument to repetition operator"),
        ("{2}", "missing argument to repetition operator"),
        ("a{2,1}", "invalid repeat count"),
        ("a{1001}", "invalid repeat count"),
        ("(?P<n>a)(?P<n>b)", "duplicate capture group name"),
        ("(?P<n", "invalid named capture"),
        ("(?<=a)", "invalid named capture"),
        ("(?=a)", "invalid or unsupported Perl syntax"),
        ("(?x)a b", "invalid or unsupported Perl syntax"),
        ("(?", "invalid or unsupported Perl syntax"),
        ("(?-)", "invalid or unsupported Perl syntax"),
        (r"a\", "trailing backslash at end of expression"),
        (r"(a)\1", "invalid escape sequence"),
        (r"\xZ", "invalid escape sequence"),
        (r"\x{110000}", "invalid escape sequence"),
        (r"[a-\d]", "invalid escape sequence"),
    ] {
        assert_eq!(compile(pattern).unwrap_err(), why, "{pattern}");
    }
}

#[test]
fn large_expressions_are_refused() {
    assert!(check("((a{100}){100}){100}").is_err());
    let most = usize::try_from(i16::MAX).unwrap();
    let names: Vec<_> = (0..1_600).map(|n| format!("orders-region-{n:04}")).collect();
    for pattern in
        ["x".repeat(most), names.join("|"), r"\p{L}{1000}".into(), "(?i).{1,1000}".into()]
    {
        assert!(pattern.len() <= most && check(&pattern).is_ok(), "{}", pattern.len());
    }
}

/// `tests/groups_java/RegexVectors.java` asked RE2/J.
const VECTORS: &str = include_str!("../../../../../tests/groups_java/regexes.txt");

const NAMES: [&str; 21] = [
    "",
    "a",
    "b",
    "ab",
    "abc",
    "a.b",
    "a-b",
    "a_b",
    "A",
    "AB",
    "1",
    "12",
    "foo",
    "foo-1",
    "foo.bar",
    "FOO",
    "__consumer_offsets",
    "aaa",
    "x",
    "z9",
    "a1b2",
];

#[test]
fn expressions_match_what_they_match_in_re2() {
    let (mut valid, mut refused, mut problems) = (0, 0, Vec::new());
    for line in VECTORS.lines() {
        let [pattern, verdict, expected] = line.splitn(3, '\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let ours = match compile(pattern) {
            Ok(_) if verdict == "invalid" => "valid".to_owned(),
            Err(_) if verdict == "invalid" => continue,
            // Flags that are repeated: to RE2/J it is what stands before them.
            Err(error) if error == "missing argument to repetition operator" => {
                refused += 1;
                continue;
            }
            Err(error) => error,
            Ok(regex) => {
                let names = NAMES.into_iter().filter(|name| regex.is_match(name));
                let names = names.map(|name| if name.is_empty() { "~" } else { name });
                names.collect::<Vec<_>>().join(" ")
            }
        };
        valid += usize::from(ours == expected);
        if ours != expected {
            problems.push(format!("{pattern}: {verdict} {expected}; here {ours}"));
        }
    }
    assert!(problems.is_empty(), "{}\n{}", problems.len(), problems.join("\n"));
    assert!(valid > 1500 && refused < 20, "{valid} {refused}");
}
