//! The names of Unicode's categories and scripts that RE2/J 1.8 knows, as it spells them, and what of ASCII is in each.

/// What no name of a topic has.
const NOTHING: &str = r"\x{80}";

/// What of ASCII is in it, as the content of a class; nothing if there is no such name.
pub(super) fn ascii_of(name: &str) -> Option<&'static str> {
    let some = WITH.iter().find(|(known, _)| *known == name).map(|(_, class)| *class);
    some.or_else(|| WITHOUT.contains(&name).then_some(NOTHING))
}

#[rustfmt::skip]
const WITH: &[(&str, &str)] = &[
    ("Any", r"\x00-\x7F"),
    ("C", r"\x00-\x1F\x7F"),
    ("Cc", r"\x00-\x1F\x7F"),
    ("L", r"\x41-\x5A\x61-\x7A"),
    ("Ll", r"\x61-\x7A"),
    ("Lu", r"\x41-\x5A"),
    ("N", r"\x30-\x39"),
    ("Nd", r"\x30-\x39"),
    ("P", r"\x21-\x23\x25-\x2A\x2C-\x2F\x3A-\x3B\x3F-\x40\x5B-\x5D\x5F\x7B\x7D"),
    ("Pc", r"\x5F"),
    ("Pd", r"\x2D"),
    ("Pe", r"\x29\x5D\x7D"),
    ("Po", r"\x21-\x23\x25-\x27\x2A\x2C\x2E-\x2F\x3A-\x3B\x3F-\x40\x5C"),
    ("Ps", r"\x28\x5B\x7B"),
    ("S", r"\x24\x2B\x3C-\x3E\x5E\x60\x7C\x7E"),
    ("Sc", r"\x24"),
    ("Sk", r"\x5E\x60"),
    ("Sm", r"\x2B\x3C-\x3E\x7C\x7E"),
    ("Z", r"\x20"),
    ("Zs", r"\x20"),
    ("Common", r"\x00-\x40\x5B-\x60\x7B-\x7F"),
    ("Latin", r"\x41-\x5A\x61-\x7A"),
];

#[rustfmt::skip]
const WITHOUT: &[&str] = &[
    "Cf", "Co", "Cs", "Lm", "Lo", "Lt", "M", "Mc", "Me", "Mn", "Nl", "No", "Pf", "Pi", "So", "Zl", "Zp",
    "Arabic", "Armenian", "Avestan", "Balinese", "Bamum", "Batak", "Bengali", "Bopomofo", "Brahmi", "Braille",
    "Buginese", "Buhid", "Canadian_Aboriginal", "Carian", "Cham", "Cherokee", "Coptic", "Cuneiform", "Cypriot",
    "Cyrillic", "Deseret", "Devanagari", "Egyptian_Hieroglyphs", "Ethiopic", "Georgian", "Glagolitic", "Gothic",
    "Greek", "Gujarati", "Gurmukhi", "Han", "Hangul", "Hanunoo", "Hebrew", "Hiragana", "Imperial_Aramaic",
    "Inherited", "Inscriptional_Pahlavi", "Inscriptional_Parthian", "Javanese", "Kaithi", "Kannada", "Katakana",
    "Kayah_Li", "Kharoshthi", "Khmer", "Lao", "Lepcha", "Limbu", "Linear_B", "Lisu", "Lycian", "Lydian",
    "Malayalam", "Mandaic", "Meetei_Mayek", "Mongolian", "Myanmar", "New_Tai_Lue", "Nko", "Ogham", "Ol_Chiki",
    "Old_Italic", "Old_Persian", "Old_South_Arabian", "Old_Turkic", "Oriya", "Osmanya", "Phags_Pa",
    "Phoenician", "Rejang", "Runic", "Samaritan", "Saurashtra", "Shavian", "Sinhala", "Sundanese",
    "Syloti_Nagri", "Syriac", "Tagalog", "Tagbanwa", "Tai_Le", "Tai_Tham", "Tai_Viet", "Tamil", "Telugu",
    "Thaana", "Thai", "Tibetan", "Tifinagh", "Ugaritic", "Unknown", "Vai", "Yi",
];
