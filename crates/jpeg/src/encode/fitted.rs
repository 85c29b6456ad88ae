//! Huffman tables made for one image: the counts of its symbols decide (T.81, K.2).
//!
//! The files of small images are mostly tables: those of the standard take 420 bytes, as much as a sixth of a thumbnail.

use super::codes::Table;

/// Longest code of the format.
const MOST_BITS: usize = 16;
/// Longest code that a tree of 2^32 occurrences can give, and some.
const MOST_TREE_BITS: usize = 64;
/// Stands for the code of nothing but ones, which the format forbids: it is counted once and takes the last one.
const RESERVED: usize = 256;

/// How often each symbol occurs.
pub(super) type Occurrences = [u32; 256];

/// The table with the shortest result. Among symbols of equal count the smaller ones have the shorter codes, as in libjpeg.
pub(super) fn fitted(occurrences: &Occurrences) -> Table<'static> {
    let lengths = tree_lengths(occurrences);
    let mut counts = [0; MOST_TREE_BITS + 1];
    for &length in &lengths {
        counts[usize::from(length).min(MOST_TREE_BITS)] += 1;
    }
    counts[0] = 0;
    let counts = shortened(counts);
    let mut symbols: Vec<u8> = (0..=255).filter(|&symbol| lengths[usize::from(symbol)] > 0).collect();
    symbols.sort_by_key(|&symbol| lengths[usize::from(symbol)]);
    Table { counts, symbols: symbols.into() }
}

/// Adds what the table of the standard expects of 65,536 symbols, at least one of each that any image can have: a part of an image
/// says little about the rest.
pub(super) fn expect(occurrences: &mut Occurrences, standard: &Table<'_>) {
    let mut symbols = standard.symbols.iter();
    for (&count, length) in standard.counts.iter().zip(1..) {
        for &symbol in symbols.by_ref().take(count.into()) {
            occurrences[usize::from(symbol)] += 1 << (MOST_BITS - length);
        }
    }
}

/// Lengths of the codes of Huffman's tree, the reserved one's included; 0 for what does not occur.
fn tree_lengths(occurrences: &Occurrences) -> [u8; 257] {
    /// A tree under way: how often its leaves occur, and the symbol that it is known by.
    struct Tree {
        count: u64,
        symbol: usize,
    }
    let occurring = occurrences.iter().enumerate().filter(|&(_, &count)| count > 0);
    let mut trees: Vec<Tree> = occurring.map(|(symbol, &count)| Tree { count: count.into(), symbol }).collect();
    trees.push(Tree { count: 1, symbol: RESERVED });
    let mut lengths = [0; 257];
    // The leaves of each tree, as a list that starts at the symbol it is known by.
    let mut next = [None; 257];
    while trees.len() > 1 {
        let rarest = take_rarest(&mut trees);
        let second = take_rarest(&mut trees);
        let mut last = rarest.symbol;
        lengths[last] += 1;
        while let Some(symbol) = next[last] {
            last = symbol;
            lengths[last] += 1;
        }
        next[last] = Some(second.symbol);
        while let Some(symbol) = next[last] {
            last = symbol;
            lengths[last] += 1;
        }
        let place = trees.partition_point(|tree| tree.symbol < rarest.symbol);
        trees.insert(place, Tree { count: rarest.count + second.count, symbol: rarest.symbol });
    }
    return lengths;

    /// The tree of the least count, of several the one with the greatest symbol. `trees` are in order of their symbols.
    fn take_rarest(trees: &mut Vec<Tree>) -> Tree {
        let least = trees.iter().map(|tree| tree.count).min();
        let place = trees.iter().rposition(|tree| Some(tree.count) == least);
        trees.remove(place.unwrap_or_default())
    }
}

/// Counts of codes by length, none longer than the format allows, without the reserved one (T.81, figure K.3).
fn shortened(mut counts: [u32; MOST_TREE_BITS + 1]) -> [u8; MOST_BITS] {
    for length in (MOST_BITS + 1..=MOST_TREE_BITS).rev() {
        while counts[length] > 0 {
            // Two of the longest go: one takes the place of what was before them, the other shares that of a shorter one.
            let Some(shorter) = (1..length - 1).rev().find(|&shorter| counts[shorter] > 0) else { break };
            counts[length] = counts[length].saturating_sub(2);
            counts[length - 1] += 1;
            counts[shorter + 1] += 2;
            counts[shorter] -= 1;
        }
    }
    if let Some(longest) = (1..=MOST_BITS).rev().find(|&length| counts[length] > 0) {
        counts[longest] -= 1;
    }
    std::array::from_fn(|index| counts[index + 1].min(255) as u8)
}

#[cfg(test)]
mod tests {
    use super::super::codes::STANDARD;
    use super::*;

    fn table(occurrences: &[(u8, u32)]) -> Table<'static> {
        let mut all = [0; 256];
        for &(symbol, count) in occurrences {
            all[usize::from(symbol)] = count;
        }
        fitted(&all)
    }

    /// How much of the room for codes is taken, in units of the longest one's.
    fn taken(counts: &[u8; 16]) -> u32 {
        counts.iter().zip(1..).map(|(&count, length)| u32::from(count) << (16 - length)).sum()
    }

    #[test]
    fn frequent_symbols_have_short_codes() {
        let check = |occurrences: &[(u8, u32)], counts: &[u8], symbols: &[u8]| {
            let table = table(occurrences);
            assert_eq!(table.counts[..counts.len()], *counts, "{occurrences:?}");
            assert_eq!(table.counts.iter().map(|&count| usize::from(count)).sum::<usize>(), symbols.len());
            assert_eq!(*table.symbols, *symbols, "{occurrences:?}");
        };
        check(&[], &[0], &[]);
        check(&[(7, 1)], &[1], &[7]);
        check(&[(7, 5), (9, 100)], &[1, 1], &[9, 7]);
        check(&[(1, 10), (2, 10), (3, 10), (4, 10)], &[0, 3, 1], &[1, 2, 3, 4]);
    }

    #[test]
    fn no_code_is_longer_than_the_format_allows() {
        // Fibonacci's numbers make the deepest tree.
        let (mut count, mut before) = (1u32, 1u32);
        let mut occurrences = [0; 256];
        for place in 0..44 {
            occurrences[place * 3] = count;
            (count, before) = (count + before, count);
        }
        let table = fitted(&occurrences);
        assert_eq!(table.symbols.len(), 44);
        assert_eq!(table.counts.iter().map(|&count| usize::from(count)).sum::<usize>(), 44);
        // All but the code of ones.
        assert_eq!(taken(&table.counts), (1 << 16) - 1);
    }

    #[test]
    fn every_symbol_can_have_a_code() {
        let table = fitted(&[1; 256]);
        assert_eq!(table.symbols.len(), 256);
        assert!(taken(&table.counts) < 1 << 16);
        for [dc, ac] in &STANDARD {
            let [mut dc_occurrences, mut ac_occurrences] = [[0; 256]; 2];
            expect(&mut dc_occurrences, dc);
            expect(&mut ac_occurrences, ac);
            assert_eq!((fitted(&dc_occurrences).symbols.len(), fitted(&ac_occurrences).symbols.len()), (12, 162));
            // The table is the best for what it expects.
            assert_eq!(fitted(&dc_occurrences).counts, dc.counts);
        }
    }
}
