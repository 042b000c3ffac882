//! Building canonical bytes.

/// Builds canonical bytes.
///
/// A value over a limit of the encoding is a broken invariant of the caller and panics; values from outside come
/// through a [`Decoder`](super::Decoder), which refuses them.
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    /// An encoder without bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The bytes written.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Appends one byte.
    pub fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    /// Appends two bytes.
    pub fn u16(&mut self, value: u16) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    /// Appends four bytes.
    pub fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    /// Appends eight bytes.
    pub fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    /// Appends bytes whose number the reader knows.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends a string.
    ///
    /// # Panics
    /// If it has more than 65,535 bytes.
    pub fn string(&mut self, text: &str) {
        self.u16(u16::try_from(text.len()).expect("a canonical string has at most 65535 bytes"));
        self.raw(text.as_bytes());
    }

    /// Appends bytes with their length.
    ///
    /// # Panics
    /// If there are 2^32 or more.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.u32(u32::try_from(bytes.len()).expect("canonical bytes have a length below 2^32"));
        self.raw(bytes);
    }

    /// Appends a list: its count (u32), then each item by `encode`.
    ///
    /// # Panics
    /// If it has 2^32 or more items.
    pub fn list<T>(&mut self, items: &[T], mut encode: impl FnMut(&mut Self, &T)) {
        self.u32(u32::try_from(items.len()).expect("a canonical list has a count below 2^32"));
        items.iter().for_each(|item| encode(self, item));
    }

    /// Appends a short list: its count (u8), then each item by `encode`.
    ///
    /// # Panics
    /// If it has more than 255 items.
    pub fn short_list<T>(&mut self, items: &[T], mut encode: impl FnMut(&mut Self, &T)) {
        self.u8(u8::try_from(items.len()).expect("a short canonical list has at most 255 items"));
        items.iter().for_each(|item| encode(self, item));
    }
}
