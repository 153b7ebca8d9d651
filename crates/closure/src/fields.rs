//! Taking bytes apart, forgiving where the vault is strict: an attacker reads a damaged record as far as it goes.

/// Bytes from the front on; `None` past the end.
pub struct Fields<'a>(/** What is left. */ pub &'a [u8]);

impl<'a> Fields<'a> {
    /// The next bytes.
    pub fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(front)
    }

    /// The same, so many as fit.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (front, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*front)
    }

    /// One byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    /// Big-endian.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// Big-endian.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Big-endian.
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }
}

/// Every place at which `magic` stands, with what follows from it on.
pub fn find_all<'a>(bytes: &'a [u8], magic: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let places = bytes.windows(magic.len()).enumerate().filter(move |(_, window)| *window == magic);
    places.filter_map(move |(at, _)| bytes.get(at..))
}
