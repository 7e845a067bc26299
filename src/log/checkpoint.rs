//! Small text files that Kafka calls checkpoints (CheckpointFile.java): a version, a count, and
//! that many lines. They are replaced whole: written beside, then renamed over the old one, so
//! that a reader finds the one or the other and never half of one.

use super::volume;
use super::whole_file::write_whole;
use std::fs;
use std::io;
use std::path::Path;

/// The most lines that are believed: a bound on what a damaged file can make us read.
const MAX_ENTRIES: usize = 1 << 20;

/// Replaces the file at `path`, on a full disk in place. It survives the process at once, and a power cut after the next
/// flush of the log.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".tmp");
    let replaced = write_whole(Path::new(&beside), bytes).and_then(|()| fs::rename(&beside, path));
    replaced.or_else(|error| {
        let _ = fs::remove_file(&beside);
        match volume::is_full(&error) && volume::overwrite(path, bytes).is_ok() {
            true => Ok(()),
            false => Err(error),
        }
    })
}

/// The text of a checkpoint with these lines.
pub(crate) fn render(lines: impl ExactSizeIterator<Item = String>) -> String {
    let mut text = format!("0\n{}\n", lines.len());
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// The lines of a checkpoint, each parsed; `None` if anything about it is not as it must be.
pub(crate) fn parse<T>(text: &str, line: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    let mut lines = text.lines();
    if lines.next()?.trim() != "0" {
        return None;
    }
    let count: usize = lines.next()?.trim().parse().ok().filter(|&count| count <= MAX_ENTRIES)?;
    let entries: Vec<T> = lines.map(|text| line(text.trim_end())).collect::<Option<_>>()?;
    (entries.len() == count).then_some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_rendered_parses_and_what_is_damaged_does_not() {
        let number = |text: &str| text.parse::<u64>().ok();
        let text = render([7u64, 9].iter().map(u64::to_string));
        assert_eq!(text, "0\n2\n7\n9\n");
        assert_eq!(parse(&text, number), Some(vec![7, 9]));
        for bad in ["", "0\n", "1\n1\n7\n", "0\n2\n7\n", "0\n1\n7\n9\n", "0\n1\nx\n", "0\n-1\n"] {
            assert_eq!(parse(bad, number), None, "{bad:?}");
        }
    }

    #[test]
    fn replacing_leaves_the_new_file_and_nothing_beside_it() {
        let dir = std::env::temp_dir().join(format!("barnabas-checkpoint-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("c");
        for text in ["one", "two"] {
            replace(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        fs::remove_dir_all(dir).unwrap();
    }
}
