//! The base64 of binary packets: the standard alphabet, padding written always and demanded never.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The length of `bytes` bytes once encoded.
pub(super) const fn encoded_len(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

/// Appends `data`, encoded, to `out`.
pub(super) fn encode(data: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + encoded_len(data.len()), 0);
    let written =
        ENGINE.encode_slice(data, &mut out[start..]).expect("the room was measured by `encoded_len`");
    debug_assert_eq!(start + written, out.len());
}

/// The bytes `text` stands for, or `None` if it is not base64.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    ENGINE.decode(text).ok()
}

// Some clients leave the padding out; Node reads both forms.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
