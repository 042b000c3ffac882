//! What several tests need: edge values, hard random values, a small generator.
#![allow(dead_code, reason = "each test uses a part")]

/// Values at which something changes: zeros, subnormals, neighbours of one, halves, integer limits, overflow, NaNs.
pub const EDGES: [u32; 36] = [
    0x0000_0000,
    0x8000_0000,
    0x0000_0001,
    0x8000_0001,
    0x0000_0002,
    0x0040_0000,
    0x007f_ffff,
    0x807f_ffff,
    0x0080_0000,
    0x8080_0000,
    0x0080_0001,
    0x00ff_ffff,
    0x3380_0000,
    0x3f00_0000,
    0xbf00_0000,
    0x3f7f_ffff,
    0x3f80_0000,
    0xbf80_0000,
    0x3f80_0001,
    0x3fc0_0000,
    0x4020_0000,
    0x4040_0000,
    0x4b00_0001,
    0x4b7f_ffff,
    0x4eff_ffff,
    0x4f00_0000,
    0xcf00_0000,
    0xcf00_0001,
    0x7f00_0000,
    0x7f7f_ffff,
    0xff7f_ffff,
    0x7f80_0000,
    0xff80_0000,
    0x7fc0_0000,
    0x7f80_0001,
    0xffff_ffff,
];

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn word(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 32) as u32
    }

    pub fn below(&mut self, limit: u32) -> u32 {
        ((u64::from(self.word()) * u64::from(limit)) >> 32) as u32
    }

    /// A float with its biased exponent within `spread` of `center`, few significant bits half of the time.
    pub fn float_near(&mut self, center: i32, spread: u32) -> u32 {
        let offset = self.below(2 * spread + 1).cast_signed() - spread.cast_signed();
        let exponent = (center + offset).clamp(0, 254).cast_unsigned();
        let mut fraction = self.word() >> 9;
        if self.word() & 1 == 0 {
            fraction &= !((1 << self.below(24)) - 1);
        }
        (self.word() & 0x8000_0000) | exponent << 23 | fraction
    }
}
