//! Files without the blanks that lines begin with: they are for who reads the source, and a tenth of what is loaded.
//!
//! No line of these files goes on in a text that began on the line before, so the blanks mean nothing.

/// The bytes that are left of a file.
pub(super) const fn len_without(file: &[u8]) -> usize {
    let (mut at, mut len, mut begins) = (0, 0, true);
    while at < file.len() {
        if !(begins && file[at] == b' ') {
            len += 1;
            begins = file[at] == b'\n';
        }
        at += 1;
    }
    len
}

/// The file without them; `N` is [`len_without`].
pub(super) const fn without<const N: usize>(file: &[u8]) -> [u8; N] {
    let (mut bare, mut at, mut len, mut begins) = ([0; N], 0, 0, true);
    while at < file.len() {
        if !(begins && file[at] == b' ') {
            bare[len] = file[at];
            len += 1;
            begins = file[at] == b'\n';
        }
        at += 1;
    }
    bare
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_go_where_lines_begin_and_nowhere_else() {
        const SOURCE: &[u8] = b"  a b\n\n    c  \nd\n  ";
        const BARE: [u8; len_without(SOURCE)] = without(SOURCE);
        assert_eq!(BARE, *b"a b\n\nc  \nd\n");
    }
}
