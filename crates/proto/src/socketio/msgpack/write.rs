/// Appends an unsigned number in the fewest bytes.
pub(super) fn write_unsigned(out: &mut Vec<u8>, number: u64) {
    let bytes = number.to_be_bytes();
    match number {
        0..0x80 => out.push(bytes[7]),
        0x80..0x100 => tagged(out, 0xcc, &bytes[7..]),
        0x100..0x1_0000 => tagged(out, 0xcd, &bytes[6..]),
        0x1_0000..0x1_0000_0000 => tagged(out, 0xce, &bytes[4..]),
        _ => tagged(out, 0xcf, &bytes),
    }
}

/// Appends a negative number in the fewest bytes.
pub(super) fn write_negative(out: &mut Vec<u8>, number: i64) {
    let bytes = number.to_be_bytes();
    match number {
        -0x20.. => out.push(bytes[7]),
        -0x80.. => tagged(out, 0xd0, &bytes[7..]),
        -0x8000.. => tagged(out, 0xd1, &bytes[6..]),
        -0x8000_0000.. => tagged(out, 0xd2, &bytes[4..]),
        _ => tagged(out, 0xd3, &bytes),
    }
}

pub(super) fn write_float(out: &mut Vec<u8>, number: f64) {
    tagged(out, 0xcb, &number.to_be_bytes());
}

pub(super) fn write_text(out: &mut Vec<u8>, text: &str) {
    match u8::try_from(text.len()) {
        Ok(length @ ..0x20) => out.push(0xa0 | length),
        Ok(length) => tagged(out, 0xd9, &[length]),
        Err(_) => wide_length(out, 0xda, text.len()),
    }
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn write_binary(out: &mut Vec<u8>, binary: &[u8]) {
    match u8::try_from(binary.len()) {
        Ok(length) => tagged(out, 0xc4, &[length]),
        Err(_) => wide_length(out, 0xc5, binary.len()),
    }
    out.extend_from_slice(binary);
}

/// The two kinds of containers, by the marker of their shortest form.
#[derive(Clone, Copy)]
pub(super) enum Container {
    Map = 0x80,
    Array = 0x90,
}

impl Container {
    /// Opens a container whose length is not known yet.
    pub(super) fn open(self, out: &mut Vec<u8>) -> usize {
        out.push(self as u8);
        out.len() - 1
    }

    /// Writes the length of a container behind which its elements stand, moving them if it takes more than a nibble.
    pub(super) fn close(self, out: &mut Vec<u8>, opened: usize, length: usize) {
        match u8::try_from(length) {
            Ok(length @ ..0x10) => out[opened] = self as u8 | length,
            _ => {
                let mut header = Vec::with_capacity(5);
                wide_length(&mut header, if matches!(self, Self::Map) { 0xde } else { 0xdc }, length);
                out.splice(opened..=opened, header);
            }
        }
    }
}

/// Appends a marker and a length of two bytes, or the marker after it and four.
fn wide_length(out: &mut Vec<u8>, marker: u8, length: usize) {
    match u16::try_from(length) {
        Ok(length) => tagged(out, marker, &length.to_be_bytes()),
        Err(_) => {
            let length = u32::try_from(length).expect("a packet is smaller than 4 GiB");
            tagged(out, marker + 1, &length.to_be_bytes());
        }
    }
}

fn tagged(out: &mut Vec<u8>, marker: u8, bytes: &[u8]) {
    out.push(marker);
    out.extend_from_slice(bytes);
}
