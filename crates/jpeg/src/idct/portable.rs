//! The transforms in ordinary arithmetic: the definition of what the vector code computes, and what processors without it run.
//!
//! Each pass works on all columns, or all rows, at once: the lanes of an array, of which the compiler makes what vector instructions
//! there are. The arithmetic wraps and is the same everywhere.

use super::{Block, COLUMNS, CONST_BITS, Quant, ROWS, fixed, to_sample};

/// Rows or columns side by side.
type Lanes<const N: usize> = [i32; N];

#[inline(always)]
fn each<const N: usize>(operation: impl Fn(usize) -> i32) -> Lanes<N> {
    std::array::from_fn(operation)
}

#[inline(always)]
fn add<const N: usize>(a: Lanes<N>, b: Lanes<N>) -> Lanes<N> {
    each(|lane| a[lane].wrapping_add(b[lane]))
}

#[inline(always)]
fn sub<const N: usize>(a: Lanes<N>, b: Lanes<N>) -> Lanes<N> {
    each(|lane| a[lane].wrapping_sub(b[lane]))
}

#[inline(always)]
fn mul<const N: usize>(a: Lanes<N>, factor: i32) -> Lanes<N> {
    each(|lane| a[lane].wrapping_mul(factor))
}

#[inline(always)]
fn shl<const N: usize>(a: Lanes<N>, bits: u32) -> Lanes<N> {
    each(|lane| a[lane] << bits)
}

/// Divides by a power of two, rounded half up.
#[inline(always)]
fn descale<const N: usize>(a: Lanes<N>, bits: u32) -> Lanes<N> {
    each(|lane| a[lane].wrapping_add(1 << (bits - 1)) >> bits)
}

/// A row of the block, dequantised in 16 bits.
#[inline(always)]
fn dequantised(block: &Block, quant: &Quant, row: usize) -> Lanes<8> {
    each(|lane| i32::from(block.0[row * 8 + lane].wrapping_mul(quant.0[row * 8 + lane])))
}

/// Eight frequencies to eight samples.
#[inline(always)]
fn pass_8<const N: usize>(f: [Lanes<N>; 8], shift: u32) -> [Lanes<N>; 8] {
    // The even frequencies.
    let z1 = mul(add(f[2], f[6]), fixed(0.541_196_1));
    let t2 = sub(z1, mul(f[6], fixed(1.847_759_065)));
    let t3 = add(z1, mul(f[2], fixed(0.765_366_865)));
    let t0 = shl(add(f[0], f[4]), CONST_BITS);
    let t1 = shl(sub(f[0], f[4]), CONST_BITS);
    let (e0, e3, e1, e2) = (add(t0, t3), sub(t0, t3), add(t1, t2), sub(t1, t2));
    // The odd ones.
    let [t0, t1, t2, t3] = [f[7], f[5], f[3], f[1]];
    let (z1, z2, z3, z4) = (add(t0, t3), add(t1, t2), add(t0, t2), add(t1, t3));
    let z5 = mul(add(z3, z4), fixed(1.175_875_602));
    let (z1, z2) = (mul(z1, -fixed(0.899_976_223)), mul(z2, -fixed(2.562_915_447)));
    let z3 = add(mul(z3, -fixed(1.961_570_56)), z5);
    let z4 = add(mul(z4, -fixed(0.390_180_644)), z5);
    let o0 = add(add(mul(t3, fixed(1.501_321_11)), z1), z4);
    let o1 = add(add(mul(t2, fixed(3.072_711_026)), z2), z3);
    let o2 = add(add(mul(t1, fixed(2.053_119_869)), z2), z4);
    let o3 = add(add(mul(t0, fixed(0.298_631_336)), z1), z3);
    let sums = [add(e0, o0), add(e1, o1), add(e2, o2), add(e3, o3), sub(e3, o3), sub(e2, o2), sub(e1, o1), sub(e0, o0)];
    sums.map(|sum| descale(sum, shift))
}

/// Frequencies 0, 1, 2, 3, 5, 6 and 7 to four samples.
#[inline(always)]
fn pass_4<const N: usize>(f: [Lanes<N>; 7], shift: u32) -> [Lanes<N>; 4] {
    let [f0, f1, f2, f3, f5, f6, f7] = f;
    let t0 = shl(f0, CONST_BITS + 1);
    let t2 = sub(mul(f2, fixed(1.847_759_065)), mul(f6, fixed(0.765_366_865)));
    let (e0, e1) = (add(t0, t2), sub(t0, t2));
    let o1 = add(
        sub(mul(f5, fixed(1.451_774_981)), mul(f7, fixed(0.211_164_243))),
        sub(mul(f1, fixed(1.061_594_337)), mul(f3, fixed(2.172_734_803))),
    );
    let o0 = sub(
        add(mul(f3, fixed(0.899_976_223)), mul(f1, fixed(2.562_915_447))),
        add(mul(f7, fixed(0.509_795_579)), mul(f5, fixed(0.601_344_887))),
    );
    [add(e0, o0), add(e1, o1), sub(e1, o1), sub(e0, o0)].map(|sum| descale(sum, shift + 1))
}

/// Frequencies 0, 1, 3, 5 and 7 to two samples.
#[inline(always)]
fn pass_2<const N: usize>(f: [Lanes<N>; 5], shift: u32) -> [Lanes<N>; 2] {
    let [f0, f1, f3, f5, f7] = f;
    let even = shl(f0, CONST_BITS + 2);
    let odd = add(
        sub(mul(f5, fixed(0.850_430_095)), mul(f7, fixed(0.720_959_822))),
        sub(mul(f1, fixed(3.624_509_785)), mul(f3, fixed(1.272_758_58))),
    );
    [add(even, odd), sub(even, odd)].map(|sum| descale(sum, shift + 2))
}

/// `M` lanes of `N` values as `N` lanes of `M`.
#[inline(always)]
fn transposed<const N: usize, const M: usize>(rows: &[Lanes<N>; M]) -> [Lanes<M>; N] {
    std::array::from_fn(|column| std::array::from_fn(|row| rows[row][column]))
}

/// Writes columns of samples.
#[inline(always)]
fn write<const N: usize>(columns: &[Lanes<N>; N], samples: &mut [u8], stride: usize) {
    for (line, row) in samples.chunks_mut(stride).zip(transposed(columns)) {
        if let Some(line) = line.first_chunk_mut::<N>() {
            *line = row.map(to_sample);
        }
    }
}

/// To eight samples a side.
pub(super) fn inverse_8(block: &mut Block, quant: &Quant, samples: &mut [u8], stride: usize) {
    let rows = pass_8(std::array::from_fn(|row| dequantised(block, quant, row)), COLUMNS);
    block.0 = [0; 64];
    write(&pass_8(transposed(&rows), ROWS), samples, stride);
}

/// To four.
pub(super) fn inverse_4(block: &mut Block, quant: &Quant, samples: &mut [u8], stride: usize) {
    let rows = pass_4([0, 1, 2, 3, 5, 6, 7].map(|row| dequantised(block, quant, row)), COLUMNS);
    block.0 = [0; 64];
    let [f0, f1, f2, f3, _, f5, f6, f7] = transposed(&rows);
    write(&pass_4([f0, f1, f2, f3, f5, f6, f7], ROWS), samples, stride);
}

/// To two.
pub(super) fn inverse_2(block: &mut Block, quant: &Quant, samples: &mut [u8], stride: usize) {
    let rows = pass_2([0, 1, 3, 5, 7].map(|row| dequantised(block, quant, row)), COLUMNS);
    block.0 = [0; 64];
    let [f0, f1, _, f3, _, f5, _, f7] = transposed(&rows);
    write(&pass_2([f0, f1, f3, f5, f7], ROWS), samples, stride);
}
