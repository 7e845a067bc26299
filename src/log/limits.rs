//! The process's limit on open files, and what is left to whom: a partition that is written to holds
//! three or more, a connection one.
//!
//! The usual soft limit of 1,024 is for programs that use `select`; the hard limit is what the
//! administrator allows. A broker takes all of it, once, when it starts. Who connects must never take
//! what a roll, a flush or a checkpoint needs: so connections have a bound of their own, below the
//! limit. It does not depend on how many partitions there are: those that do not fit rest
//! ([`super::rest`]).

use std::io;
use std::sync::OnceLock;

/// Descriptors of a log that is written to all the time and of a segment that is open for reading. A segment has
/// three; a log has those of the one before open too, and for a while those of the next one; and for a
/// moment there may be a quarter more than there should be. What the descriptors of all such pairs together are
/// used for is nobody's business: a log that is not written to of late has none, see [`super::rest`].
const PAIR: u64 = 12;
const MOST: u64 = 10_000;
/// Mappings of files of segments at most, and what the kernel allows a process as a rule. Some are the process's own, and
/// a quarter is for what is mapped until some logs rest.
const MOST_MAPPINGS: usize = 48_000;
const USUAL_MAPPINGS: usize = 65_530;
/// Logs that are open for writing, for each that may have all its descriptors; and of all. Each takes memory of the
/// kernel's, and a process that may have few descriptors is a small one.
const LEAN: usize = 16;
const MOST_LEAN: usize = 16_000;
const FEWEST: u64 = 1;
/// Without room for so many connections a broker is of no use.
const FEWEST_CONNECTIONS: u64 = 4;
/// What is open for a moment: files that are flushed, written anew or looked into, directories,
/// replies from segments that are not kept open. And one in so many more, but never more than that.
const SPARE: u64 = 16;
const SPARE_PART: u64 = 16;
const SPARE_MOST: u64 = 4_096;

/// How the descriptors of the process are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFiles {
    /// How many there may be.
    pub limit: u64,
    /// Of these, connections.
    pub connections: u64,
    /// How many logs may have all their descriptors, and how many segments more those for reading.
    segments: u64,
}

impl OpenFiles {
    /// Divides `limit`, of which `own` are open all the time: a sixteenth and sixteen are spared, then
    /// logs get one half, as far as they can use it, and connections the rest.
    ///
    /// # Errors
    /// How many are needed, where that is too little.
    fn divide(limit: u64, own: u64) -> Result<OpenFiles, u64> {
        let spared = |limit: u64| SPARE + (limit / SPARE_PART).min(SPARE_MOST);
        let least = own + FEWEST * PAIR + FEWEST_CONNECTIONS;
        let Some(left) = limit.checked_sub(own + spared(limit)) else {
            return Err((least + SPARE) * SPARE_PART / (SPARE_PART - 1) + 1);
        };
        let segments = (left / 2 / PAIR).clamp(FEWEST, MOST);
        match left.checked_sub(segments * PAIR) {
            Some(connections) if connections >= FEWEST_CONNECTIONS => {
                Ok(OpenFiles { limit, connections, segments })
            }
            _ => Err((least + SPARE) * SPARE_PART / (SPARE_PART - 1) + 1),
        }
    }
}

/// What logs may use; set once.
static SEGMENTS: OnceLock<u64> = OnceLock::new();

/// How many descriptors files of segments may have. For a moment there may be a quarter more.
pub(super) fn descriptors() -> usize {
    open_segments().saturating_mul(PAIR as usize / 4 * 3)
}

/// How many logs may be open for writing, with or without descriptors.
pub(super) fn open_logs() -> usize {
    open_segments().saturating_mul(LEAN).min(MOST_LEAN)
}

/// How many mappings files of segments may have. For a moment there may be a quarter more.
pub(super) fn mappings() -> usize {
    static MAPPINGS: OnceLock<usize> = OnceLock::new();
    *MAPPINGS.get_or_init(|| {
        let allowed = std::fs::read_to_string("/proc/sys/vm/max_map_count");
        let allowed = allowed.ok().and_then(|text| text.trim().parse().ok());
        mappings_of(allowed.unwrap_or(USUAL_MAPPINGS))
    })
}

fn mappings_of(allowed: usize) -> usize {
    (allowed / 4 * 3).min(MOST_MAPPINGS)
}

/// How many addresses they may take: half of those that there are. A log takes those of a whole segment, and small
/// processors have no more than 2^39.
pub(super) fn mapped_bytes() -> u64 {
    static BYTES: OnceLock<u64> = OnceLock::new();
    *BYTES.get_or_init(|| addresses().min(allowed_addresses()) / 2)
}

/// How many addresses a process has. The stacks are near their end, as a rule.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn addresses() -> u64 {
    let on_stack = 0_u8;
    ((&raw const on_stack) as u64).next_power_of_two()
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn addresses() -> u64 {
    1 << 47
}

/// How many this one may have.
fn allowed_addresses() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a plain system call that writes to the value it is given.
    match unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) } {
        0 => limit.rlim_cur,
        _ => u64::MAX,
    }
}

/// How many segments may be open for reading only.
pub(super) fn open_segments() -> usize {
    let usual = || {
        let divided = OpenFiles::divide(raise_open_files().unwrap_or(0), 0);
        divided.map_or(FEWEST, |open_files| open_files.segments)
    };
    usize::try_from(*SEGMENTS.get_or_init(usual)).unwrap_or(usize::MAX)
}

/// Divides the descriptors of a process that has `own` of them open all the time, beside logs and
/// connections. To be called before a log is opened.
///
/// # Errors
/// When the limit is unknown or too small; the text says what is needed.
pub fn divide_open_files(own: u64) -> Result<OpenFiles, String> {
    let limit = raise_open_files().map_err(|why| format!("the limit on open files: {why}"))?;
    let divided = OpenFiles::divide(limit, own).map_err(|needed| {
        format!(
            "the limit on open files is {limit}, and {needed} are needed at least: raise it \
             (ulimit -n, LimitNOFILE)"
        )
    })?;
    SEGMENTS.get_or_init(|| divided.segments);
    Ok(divided)
}

/// Raises the soft limit on open files to the hard one; gives how many may be open now.
pub fn raise_open_files() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a plain system call that writes to the value it is given.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if limit.rlim_cur < limit.rlim_max {
        let soft = limit.rlim_cur;
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: a plain system call that reads the value it is given.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
            let why = io::Error::last_os_error();
            ::log::warn!(limit = soft, error:% = why; "the limit on open files stays");
            return Ok(soft);
        }
    }
    Ok(limit.rlim_cur)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one_and_stays() {
        let now = raise_open_files().unwrap();
        assert!(now >= 256, "{now}");
        assert_eq!(raise_open_files().unwrap(), now);
    }

    #[test]
    fn what_is_mapped_leaves_a_quarter_of_the_mappings_and_half_of_the_addresses() {
        assert_eq!([65_530, 1 << 30, 4_000].map(mappings_of), [48_000, 48_000, 3_000]);
        let on_heap = Box::new(0_u8);
        let there_are = addresses();
        assert!(there_are.is_power_of_two() && (&raw const *on_heap) as u64 <= there_are);
        assert!(there_are >= 1 << 38, "{there_are:x}");
        assert!(mapped_bytes() <= there_are / 2);
    }

    #[test]
    fn all_that_may_be_open_together_is_within_the_limit() {
        let own = 22; // two workers, two addresses
        let divided = |limit| OpenFiles::divide(limit, own).unwrap();
        for (limit, connections, segments) in [
            (64, 10, 1),
            (128, 46, 3),
            (256, 106, 8),
            (1_024, 466, 38),
            (65_536, 30_706, 2_558),
            (1 << 20, 924_442, MOST),
        ] {
            assert_eq!(divided(limit), OpenFiles { limit, connections, segments });
        }
        for limit in (64..5_000).chain([1 << 16, 1 << 20, libc::RLIM_INFINITY]) {
            let OpenFiles { connections, segments, .. } = divided(limit);
            assert!(own + SPARE + connections + segments * PAIR <= limit, "{limit}");
        }
    }

    #[test]
    fn what_is_needed_at_least_is_enough_and_one_less_is_not() {
        for own in 0..2_000 {
            let needed = OpenFiles::divide(0, own).unwrap_err();
            assert!(OpenFiles::divide(needed, own).is_ok(), "{own}: {needed}");
            let spare = OpenFiles::divide(needed - 4, own);
            assert!(spare.is_err(), "{own}: {needed} is more than needed");
        }
    }
}
