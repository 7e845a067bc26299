//! Zstandard frames.
//!
//! The decoder's context is used again, because making one costs more than opening a small batch;
//! it is dropped when a large window made it large. The window is at most zstd's default maximum of
//! 128 MiB. Above level 19 the encoder's window is held at 8 MiB, that of level 19: batches are
//! small, and level 22 would take most of a gigabyte.

use std::io::Write;

use zstd::stream::write::Encoder;
use zstd::zstd_safe::{
    CParameter, DCtx, DParameter, InBuffer, OutBuffer, ResetDirective, get_error_name,
};

use super::encoder::Bounded;
use super::{Codec, CompressError};

const WINDOW_LOG_MAX: u32 = 27;
const HIGH_LEVEL: i32 = 19;
const HIGH_WINDOW_LOG: u32 = 23;

/// A decoder's state, kept between uses.
#[derive(Default)]
pub(super) struct Context(Option<DCtx<'static>>);

impl Context {
    pub(super) fn held(&self) -> usize {
        self.0.as_ref().map_or(0, DCtx::sizeof)
    }

    pub(super) fn shrink(&mut self, keep: usize) {
        if self.held() > keep {
            self.0 = None;
        }
    }

    fn get(&mut self) -> Result<&mut DCtx<'static>, CompressError> {
        if self.0.is_none() {
            let mut context = DCtx::try_create().ok_or(corrupt("no memory for a decoder"))?;
            context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX)).map_err(failed)?;
            self.0 = Some(context);
        }
        self.0.as_mut().ok_or(corrupt("no decoder"))
    }
}

pub(super) struct Reader<'a> {
    input: InBuffer<'a>,
    length: usize,
    /// Bytes that the decoder still expects of the frame; 0 between frames.
    expects: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(input: &'a [u8], context: &mut Context) -> Result<Self, CompressError> {
        context.get()?.reset(ResetDirective::SessionOnly).map_err(failed)?;
        Ok(Self { input: InBuffer::around(input), length: input.len(), expects: 0 })
    }

    pub(super) fn fill(
        &mut self,
        buffer: &mut [u8],
        context: &mut Context,
    ) -> Result<usize, CompressError> {
        let context = context.get()?;
        loop {
            let before = self.input.pos();
            if before == self.length && self.expects == 0 {
                return Ok(0);
            }
            let mut output = OutBuffer::around(&mut *buffer);
            self.expects =
                context.decompress_stream(&mut output, &mut self.input).map_err(failed)?;
            if output.pos() > 0 {
                return Ok(output.pos());
            }
            if self.input.pos() == before {
                return Err(corrupt("Truncated source"));
            }
        }
    }
}

fn failed(code: usize) -> CompressError {
    CompressError::Corrupt(Codec::Zstd, get_error_name(code).into())
}

fn corrupt(what: &'static str) -> CompressError {
    CompressError::Corrupt(Codec::Zstd, what.into())
}

pub(super) struct Writer {
    encoder: Encoder<'static, Bounded>,
}

impl Writer {
    pub(super) fn new(level: i32, out: Bounded) -> Result<Self, CompressError> {
        let unusable = |_| CompressError::Level(Codec::Zstd, level);
        let mut encoder = Encoder::new(out, level).map_err(unusable)?;
        if level > HIGH_LEVEL {
            encoder.set_parameter(CParameter::WindowLog(HIGH_WINDOW_LOG)).map_err(unusable)?;
        }
        Ok(Self { encoder })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), CompressError> {
        let written = self.encoder.write_all(bytes);
        written.map_err(|error| self.encoder.get_ref().explain(Codec::Zstd, &error))
    }

    pub(super) fn finish(mut self) -> Result<Bounded, CompressError> {
        let ended = self.encoder.do_finish();
        ended.map_err(|error| self.encoder.get_ref().explain(Codec::Zstd, &error))?;
        self.encoder.finish().map_err(|_| corrupt("the stream does not end"))
    }
}
