//! What can go wrong with a partition's log, as types: each says what happened, where, and what
//! to do, and knows the error code that a client gets for it. Nothing here is logged or retried;
//! callers decide that.

use super::file::{Beyond, Faulted, Replaced, Short};
use super::verified::Corrupt;
use crate::wire::error::ErrorCode;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A file operation that failed.
#[derive(Debug)]
pub struct StorageError {
    /// What was being done, as a verb phrase: "extend", "open".
    pub doing: &'static str,
    /// The file or directory.
    pub path: PathBuf,
    /// The operating system's answer.
    pub source: io::Error,
}

impl StorageError {
    pub(crate) fn new(doing: &'static str, path: &Path, source: io::Error) -> StorageError {
        StorageError { doing, path: path.to_path_buf(), source }
    }

    /// Wraps the error of an operation on `path`: `.map_err(StorageError::on("open", path))`.
    pub(crate) fn on(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StorageError {
        move |source| StorageError::new(doing, path, source)
    }

    /// The disk has no room (or the file may not grow): writes work again once there is some.
    pub fn is_out_of_space(&self) -> bool {
        let code = self.source.raw_os_error();
        [libc::ENOSPC, libc::EDQUOT, libc::EFBIG].into_iter().any(|no_room| code == Some(no_room))
    }

    /// Something is lacking that may be there later: room, descriptors, memory. It says nothing of the disk.
    pub fn is_a_lack(&self) -> bool {
        is_a_lack(&self.source)
    }

    /// There is no such file.
    pub(crate) fn is_missing(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }

    /// A batch is not what was written. Those around it are served.
    pub fn is_corrupt(&self) -> bool {
        self.source.get_ref().is_some_and(|source| source.is::<Corrupt>())
    }

    /// The disk fails, or a file does not hold any more what was written to it: trying again does
    /// not help, and nothing more may be believed of the log. Its partition goes offline.
    pub fn is_permanent(&self) -> bool {
        // What Linux's file systems say of their own damage: EFSCORRUPTED, EFSBADCRC.
        #[cfg(target_os = "linux")]
        const DAMAGED: [i32; 2] = [libc::EUCLEAN, libc::EBADMSG];
        #[cfg(not(target_os = "linux"))]
        const DAMAGED: [i32; 1] = [libc::EBADMSG];
        const LOST: [i32; 5] = [libc::EIO, libc::EROFS, libc::ENXIO, libc::ENODEV, libc::ESTALE];
        let is_lost = |code| LOST.contains(&code) || DAMAGED.contains(&code);
        let of_system = self.source.raw_os_error().is_some_and(is_lost);
        let source = self.source.get_ref();
        of_system
            || source.is_some_and(|source| {
                source.is::<Faulted>() || source.is::<Short>() || source.is::<Replaced>()
            })
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StorageError { doing, path, source } = self;
        let is_ours = source.get_ref().is_some_and(|source| source.is::<Beyond>());
        if self.is_corrupt() || is_ours {
            return write!(f, "cannot {doing} {}: {source}", path.display());
        }
        let what_to_do = if self.is_out_of_space() {
            "make room on that disk; writes are taken again as soon as there is some"
        } else if self.is_permanent() {
            "check the disk, restore the file from a copy if there is one, and start again"
        } else if self.is_a_lack() {
            "it is tried again; if that happens often, raise the limits of the process"
        } else {
            "check the disk and the rights on that path"
        };
        write!(f, "cannot {doing} {}: {source}; {what_to_do}", path.display())
    }
}

impl std::error::Error for StorageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// See [`StorageError::is_a_lack`].
pub fn is_a_lack(error: &io::Error) -> bool {
    const LACKS: [i32; 6] =
        [libc::ENOSPC, libc::EDQUOT, libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::EAGAIN];
    error.raw_os_error().is_some_and(|code| LACKS.contains(&code))
}

/// Why a log could not be created, opened, flushed, closed or deleted.
#[derive(Debug)]
pub enum LogError {
    /// A file operation failed.
    Storage(StorageError),
    /// There is a log in the directory already.
    Exists(PathBuf),
    /// The log has to be read before it can be opened, and there was no time for that.
    Slow(PathBuf),
    /// The log start offset cannot be moved there.
    OffsetOutOfRange {
        /// The offset asked for.
        offset: i64,
        /// The high watermark, the furthest that it may be.
        high_watermark: i64,
    },
}

impl LogError {
    /// The error code for a client.
    pub fn code(&self) -> ErrorCode {
        match self {
            LogError::Storage(_) | LogError::Exists(_) | LogError::Slow(_) => {
                ErrorCode::KAFKA_STORAGE_ERROR
            }
            LogError::OffsetOutOfRange { .. } => ErrorCode::OFFSET_OUT_OF_RANGE,
        }
    }

    /// What failed on the disk, if that is what it was.
    pub fn storage(&self) -> Option<&StorageError> {
        match self {
            LogError::Storage(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogError::Storage(error) => error.fmt(f),
            LogError::Exists(dir) => {
                write!(f, "there is a log in {} already; open it instead", dir.display())
            }
            LogError::Slow(dir) => {
                write!(
                    f,
                    "the log in {} has to be checked; open it where that may take time",
                    dir.display()
                )
            }
            LogError::OffsetOutOfRange { offset, high_watermark } => write!(
                f,
                "cannot move the log start offset to {offset}: the high watermark is \
                 {high_watermark}; ask for that or less"
            ),
        }
    }
}

impl std::error::Error for LogError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            LogError::Storage(error) => Some(error),
            LogError::Exists(_) | LogError::Slow(_) | LogError::OffsetOutOfRange { .. } => None,
        }
    }
}

impl From<StorageError> for LogError {
    fn from(error: StorageError) -> LogError {
        LogError::Storage(error)
    }
}

/// Why a batch was not appended. Nothing of it is in the log.
#[derive(Debug)]
pub enum AppendError {
    /// A file operation failed; the log stays readable and takes writes again later.
    Storage(StorageError),
    /// The batch is larger than a segment may be.
    TooLarge {
        /// The batch's size.
        size: u64,
        /// `segment.bytes`.
        segment_bytes: u64,
    },
    /// The bytes are not one whole batch; only trusted callers can cause this.
    Malformed(&'static str),
    /// The producer's sequence number is not the next one.
    OutOfOrderSequence {
        /// The producer.
        producer_id: i64,
        /// The sequence number that came.
        sequence: i32,
        /// The last one in the log, -1 if none.
        last_sequence: i32,
    },
    /// A newer instance of the producer has written here.
    InvalidProducerEpoch {
        /// The producer.
        producer_id: i64,
        /// The epoch that came.
        epoch: i16,
        /// The epoch that counts.
        current: i16,
    },
    /// A batch outside of a transaction from a producer that has one open here.
    InvalidTxnState {
        /// The producer.
        producer_id: i64,
    },
    /// A transaction marker from a coordinator that is no longer in charge.
    CoordinatorFenced {
        /// The producer.
        producer_id: i64,
        /// The marker's coordinator epoch.
        epoch: i32,
        /// The epoch that counts.
        current: i32,
    },
    /// The log is closed or being deleted.
    Closed(String),
}

impl AppendError {
    /// The error code for a client.
    pub fn code(&self) -> ErrorCode {
        match self {
            AppendError::Storage(_) | AppendError::Closed(_) => ErrorCode::KAFKA_STORAGE_ERROR,
            AppendError::TooLarge { .. } => ErrorCode::RECORD_LIST_TOO_LARGE,
            AppendError::Malformed(_) => ErrorCode::CORRUPT_MESSAGE,
            AppendError::OutOfOrderSequence { .. } => ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
            AppendError::InvalidProducerEpoch { .. } => ErrorCode::INVALID_PRODUCER_EPOCH,
            AppendError::InvalidTxnState { .. } => ErrorCode::INVALID_TXN_STATE,
            AppendError::CoordinatorFenced { .. } => ErrorCode::TRANSACTION_COORDINATOR_FENCED,
        }
    }

    /// What failed on the disk, if that is what it was.
    pub fn storage(&self) -> Option<&StorageError> {
        match self {
            AppendError::Storage(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AppendError::Storage(error) => error.fmt(f),
            AppendError::TooLarge { size, segment_bytes } => write!(
                f,
                "the batch has {size} bytes, more than a segment may have (segment.bytes = \
                 {segment_bytes}); send smaller batches or raise segment.bytes"
            ),
            AppendError::Malformed(why) => write!(f, "not one whole batch: {why}"),
            AppendError::OutOfOrderSequence { producer_id, sequence, last_sequence } => write!(
                f,
                "out of order sequence number for producer {producer_id}: {sequence} came, the \
                 last one is {last_sequence}"
            ),
            AppendError::InvalidProducerEpoch { producer_id, epoch, current } => write!(
                f,
                "epoch of producer {producer_id} is {epoch}, smaller than the last seen epoch \
                 {current}: a newer instance of this producer is at work"
            ),
            AppendError::InvalidTxnState { producer_id } => write!(
                f,
                "expected a transactional write from producer {producer_id}: it has a \
                 transaction open in this partition"
            ),
            AppendError::CoordinatorFenced { producer_id, epoch, current } => write!(
                f,
                "invalid coordinator epoch for producer {producer_id}: {epoch} (zombie), \
                 {current} (current)"
            ),
            AppendError::Closed(name) => write!(f, "the log of {name} is closed"),
        }
    }
}

impl std::error::Error for AppendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            AppendError::Storage(error) => Some(error),
            _ => None,
        }
    }
}

impl From<StorageError> for AppendError {
    fn from(error: StorageError) -> AppendError {
        AppendError::Storage(error)
    }
}

/// Why nothing could be read.
#[derive(Debug)]
pub enum ReadError {
    /// The offset is below the log start or beyond the log end.
    OutOfRange {
        /// The offset asked for.
        offset: i64,
        /// The log start offset.
        log_start: i64,
        /// The log end offset.
        log_end: i64,
    },
    /// A file operation failed, or a file does not hold what was written to it.
    Storage(StorageError),
}

impl ReadError {
    /// The error code for a client.
    pub fn code(&self) -> ErrorCode {
        match self {
            ReadError::OutOfRange { .. } => ErrorCode::OFFSET_OUT_OF_RANGE,
            ReadError::Storage(error) if error.is_corrupt() => ErrorCode::CORRUPT_MESSAGE,
            ReadError::Storage(_) => ErrorCode::KAFKA_STORAGE_ERROR,
        }
    }

    /// What failed on the disk, if that is what it was.
    pub fn storage(&self) -> Option<&StorageError> {
        match self {
            ReadError::Storage(error) => Some(error),
            ReadError::OutOfRange { .. } => None,
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Storage(error) => error.fmt(f),
            ReadError::OutOfRange { offset, log_start, log_end } => write!(
                f,
                "offset {offset} is out of range: the log goes from {log_start} to {log_end}"
            ),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ReadError::Storage(error) => Some(error),
            ReadError::OutOfRange { .. } => None,
        }
    }
}

impl From<StorageError> for ReadError {
    fn from(error: StorageError) -> ReadError {
        ReadError::Storage(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(source: impl Into<io::Error>) -> StorageError {
        StorageError::new("write", Path::new("f"), source.into())
    }

    #[test]
    fn what_passes_and_what_does_not() {
        let code = |code| error(io::Error::from_raw_os_error(code));
        let short = Short { has: 1, needs: 2 };
        for lost in [
            code(libc::EIO),
            code(libc::EROFS),
            error(Faulted { byte: 7 }),
            error(short),
            error(Replaced),
        ] {
            assert!(lost.is_permanent() && !lost.is_out_of_space(), "{lost}");
            assert!(lost.to_string().contains("restore the file"), "{lost}");
        }
        for full in [code(libc::ENOSPC), code(libc::EDQUOT)] {
            assert!(full.is_out_of_space() && !full.is_permanent(), "{full}");
        }
        for other in [code(libc::EMFILE), code(libc::ENOENT), code(libc::EACCES)] {
            assert!(!other.is_permanent() && !other.is_out_of_space(), "{other}");
        }
    }
}
