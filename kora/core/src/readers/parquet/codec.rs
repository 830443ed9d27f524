//! A page's bytes, decompressed as they are asked for, so that a page is never in memory as a whole.
//!
//! gzip, zstd and brotli are streams by themselves; [`super::blocks`] makes streams of snappy and LZ4. Whatever a codec
//! would give beyond the size that the page's head says is not asked for.
use super::blocks::{self, Lz4, Snappy};
use super::place::Stretch;
use super::thrift::damaged;
use brotli_decompressor::{BrotliDecoderParameter, Decompressor};
use flate2::bufread::MultiGzDecoder;
use std::io::{self, BufReader, Read};

/// Bytes read from a file at once.
const BUFFER_BYTES: usize = 64 << 10;
/// zstd's window may have 2²⁷ bytes, as its own decoder has it.
const ZSTD_WINDOW_LOG: u32 = 27;

const UNCOMPRESSED: i32 = 0;
const SNAPPY: i32 = 1;
const GZIP: i32 = 2;
const BROTLI: i32 = 4;
const ZSTD: i32 = 6;
const LZ4_RAW: i32 = 7;

/// Whether pages in this codec are read.
pub fn is_known(codec: i32) -> bool {
    matches!(codec, UNCOMPRESSED | SNAPPY | GZIP | BROTLI | ZSTD | LZ4_RAW)
}

/// The decompressed bytes of a stretch of a file, of which there are `plain_bytes`.
///
/// # Errors
/// What the file or its content gives; later errors come from reading.
pub fn open(codec: i32, stored: Stretch, plain_bytes: u64) -> io::Result<Box<dyn Read + Send>> {
    if codec == UNCOMPRESSED {
        return Ok(Box::new(stored));
    }
    let window = match codec {
        SNAPPY => blocks::snappy_window(stored.clone(), plain_bytes)?,
        _ => 0,
    };
    let input = BufReader::with_capacity(BUFFER_BYTES, stored);
    Ok(match codec {
        SNAPPY => Box::new(Snappy::new(input, window, plain_bytes)?),
        GZIP => Box::new(MultiGzDecoder::new(input)),
        BROTLI => {
            let mut decoder = Decompressor::new(input, BUFFER_BYTES);
            // Windows of a gigabyte are an addition to the format that Parquet does not have.
            let set = decoder.set_parameter(BrotliDecoderParameter::BROTLI_DECODER_PARAM_LARGE_WINDOW, 0);
            if !set {
                return Err(damaged("brotli's window cannot be bounded"));
            }
            Box::new(decoder)
        }
        ZSTD => {
            let mut decoder = zstd::Decoder::with_buffer(input)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        }
        LZ4_RAW => Box::new(Lz4::new(input, plain_bytes)),
        other => return Err(damaged(format!("compressed by codec {other}, which is not read"))),
    })
}
