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
    assert!(matches(r"a{,2}", "a{,2}"), "not a repetition");
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

#[test]
fn large_expressions_are_refused() {
    assert!(check(&"a".repeat(LONGEST + 1)).is_err());
    assert!(check("((a{100}){100}){100}").is_err());
}
