//! System calls that neither std nor mio has a safe name for, each in one small function.

use super::region::FileRange;
use memmap2::MmapMut;
use mio::net::TcpStream;
use socket2::SockRef;
use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::time::Duration;

/// Sends slices in one call; with `more`, a small rest waits for what comes directly behind it.
pub(crate) fn send(stream: &TcpStream, slices: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
    let flags = flags(more);
    match slices {
        [one] => SockRef::from(stream).send_with_flags(one, flags),
        many => SockRef::from(stream).send_vectored_with_flags(many, flags),
    }
}

/// Sees to it that this socket is reset when it is closed: what it still had to send is gone then.
pub(crate) fn reset_at_close(stream: &TcpStream) {
    // One that is broken has nothing more to send.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// Bytes that were sent and that the peer's system has not taken; none where this system does not tell.
pub(crate) fn kept(stream: &TcpStream) -> u64 {
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd;
        let mut bytes: libc::c_int = 0;
        // SAFETY: the descriptor is borrowed from its owner for the call, which writes the integer alone.
        let done = unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
        if done == 0 {
            return u64::try_from(bytes).unwrap_or(0);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
    0
}

#[cfg(target_os = "linux")]
fn flags(more: bool) -> i32 {
    libc::MSG_NOSIGNAL | if more { libc::MSG_MORE } else { 0 }
}

#[cfg(not(target_os = "linux"))]
fn flags(_more: bool) -> i32 {
    0
}

/// This machine's own name, if it has one that is text.
#[must_use]
pub fn host_name() -> Option<String> {
    let mut bytes = [0_u8; 256];
    // SAFETY: the buffer is ours for the call, and its length is one less than it has, so that it ends in 0.
    let done = unsafe { libc::gethostname(bytes.as_mut_ptr().cast(), bytes.len() - 1) };
    let name = std::ffi::CStr::from_bytes_until_nul(&bytes).ok()?.to_str().ok()?;
    (done == 0 && !name.is_empty()).then(|| name.to_owned())
}

/// Sends up to `len` bytes of a range from the page cache; 0 where the file has ended, or does not
/// hold any more what was written to it.
#[cfg(target_os = "linux")]
pub(crate) fn send_file(stream: &TcpStream, range: &FileRange, len: usize) -> io::Result<usize> {
    use std::os::fd::AsRawFd;
    if !range.region.is_intact() {
        return Ok(0);
    }
    let len = len.min(range.len as usize);
    let start = libc::off_t::try_from(range.start);
    let mut at = start.map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let Some(file) = range.region.file() else { return send_mapped(stream, range, len) };
    let (to, from) = (stream.as_raw_fd(), file.as_fd().as_raw_fd());
    // SAFETY: both descriptors are borrowed from owners that outlive the call; `at` is ours.
    match unsafe { libc::sendfile(to, from, &mut at, len) } {
        -1 => Err(io::Error::last_os_error()),
        n => Ok(n as usize),
    }
}

/// Sends up to `len` bytes of a range; 0 where the file has ended.
#[cfg(not(target_os = "linux"))]
pub(crate) fn send_file(stream: &TcpStream, range: &FileRange, len: usize) -> io::Result<usize> {
    use std::os::unix::fs::FileExt;
    if !range.region.is_intact() {
        return Ok(0);
    }
    let Some(file) = range.region.file() else { return send_mapped(stream, range, len) };
    let file = std::fs::File::from(file.as_fd().try_clone_to_owned()?);
    let mut bytes = vec![0; len.min(range.len as usize).min(64 * 1024)];
    let n = file.read_at(&mut bytes, range.start)?;
    if n == 0 { Ok(0) } else { SockRef::from(stream).send_with_flags(&bytes[..n], flags(false)) }
}

/// The same of a range whose file is not open: by a copy, for there is no cheaper way.
fn send_mapped(stream: &TcpStream, range: &FileRange, len: usize) -> io::Result<usize> {
    let Some(bytes) = range.bytes() else { return Ok(0) };
    SockRef::from(stream).send_with_flags(&bytes[..len.min(bytes.len())], flags(false))
}

/// Gives the memory of a private anonymous mapping back; it reads as zeroes afterwards.
pub(crate) fn discard(window: &mut MmapMut) {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: the mapping is anonymous and borrowed mutably: nobody relies on what is in it.
        let result = unsafe { window.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
        debug_assert!(result.is_ok(), "{result:?}");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = window;
}

/// Gives the heap's unused memory back to the kernel, where the allocator can.
pub(crate) fn trim_heap() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: touches only memory that the allocator holds and nobody has.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    /// Elsewhere the system does not tell.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_the_peers_system_has_not_taken_is_kept() {
        use super::*;
        use std::io::{ErrorKind, Read};
        use std::net::TcpListener;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let stream = TcpStream::from_std(stream);
        assert_eq!(kept(&stream), 0);
        let (piece, mut sent) = ([0; 64 << 10], 0);
        let full = loop {
            match send(&stream, &[IoSlice::new(&piece)], false) {
                Ok(n) => sent += n,
                Err(why) => break why.kind(),
            }
        };
        assert_eq!(full, ErrorKind::WouldBlock);
        assert!((1..sent as u64).contains(&kept(&stream)), "{} of {sent}", kept(&stream));
        peer.read_exact(&mut vec![0; sent]).unwrap();
        while kept(&stream) > 0 {}
    }
}
