//! Sorting, and sets and maps that are sorted lists. Those of the standard
//! library are compiled anew for every type, which would be a fifth of what the
//! page loads; here the sorting itself is there once.

use std::cmp::Ordering;

/// Sorts; what is equal keeps its order.
pub(crate) fn sort<T: Ord>(list: &mut [T]) {
    let order = order(list.len(), &|a, b| list[a].cmp(&list[b]));
    arrange(list, order);
}

/// Sorts by a key; what has the same one keeps its order.
pub(crate) fn sort_by_key<T, K: Ord>(list: &mut [T], key: impl Fn(&T) -> K) {
    let order = order(list.len(), &|a, b| key(&list[a]).cmp(&key(&list[b])));
    arrange(list, order);
}

#[inline(never)]
fn order(len: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    order.sort_by(|a, b| compare(*a, *b));
    order
}

/// Puts at each place what `order` names for it: along every cycle once, so that
/// the time is linear whatever the order was.
fn arrange<T>(list: &mut [T], mut order: Vec<usize>) {
    for start in 0..order.len() {
        let mut place = start;
        loop {
            let from = std::mem::replace(&mut order[place], place);
            if from == start {
                break;
            }
            list.swap(place, from);
            place = from;
        }
    }
}

/// Entries of a block; a full one is split.
const BLOCK: usize = 512;

/// A map, in the order of its keys: a list of sorted blocks, so that putting one
/// in moves few others, however many there are.
#[derive(Clone, Debug)]
pub(crate) struct Map<K, V>(Vec<Vec<(K, V)>>);

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V> Map<K, V> {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The block a key belongs to, and its place there or where it would be.
    fn place(&self, key: &K) -> (usize, Result<usize, usize>) {
        let begins_before = |block: &Vec<(K, V)>| block.first().is_some_and(|(k, _)| k <= key);
        let block = self.0.partition_point(begins_before).saturating_sub(1);
        let place =
            self.0.get(block).map_or(Err(0), |block| block.binary_search_by(|(k, _)| k.cmp(key)));
        (block, place)
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        let (block, place) = self.place(key);
        place.ok().map(|place| &self.0[block][place].1)
    }

    /// Gives the value that was there before.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.place(&key) {
            (block, Ok(place)) => Some(std::mem::replace(&mut self.0[block][place].1, value)),
            (block, Err(place)) => {
                self.put(block, place, key, value);
                None
            }
        }
    }

    /// Puts an entry in; gives where it is now.
    fn put(&mut self, block: usize, place: usize, key: K, value: V) -> (usize, usize) {
        if self.0.is_empty() {
            self.0.push(Vec::new());
        }
        self.0[block].insert(place, (key, value));
        if self.0[block].len() <= BLOCK {
            return (block, place);
        }
        let behind = self.0[block].split_off(BLOCK / 2);
        self.0.insert(block + 1, behind);
        if place < BLOCK / 2 { (block, place) } else { (block + 1, place - BLOCK / 2) }
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The value of a key, made where there is none.
    pub(crate) fn or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let (block, place) = match self.place(&key) {
            (block, Ok(place)) => (block, place),
            (block, Err(place)) => self.put(block, place, key, make()),
        };
        &mut self.0[block][place].1
    }

    /// Those with a key up to this one.
    pub(crate) fn up_to(&self, key: &K) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        let (block, place) = self.place(key);
        let behind = place.map_or_else(|place| place, |place| place + 1);
        let last = self.0.get(block).map_or(&[][..], |block| &block[..behind]);
        let all = self.0[..block.min(self.0.len())].iter().flatten().chain(last);
        all.map(|(key, value)| (key, value))
    }

    /// Keeps those of which it says so.
    pub(crate) fn retain(&mut self, keep: impl Fn(&K, &V) -> bool) {
        self.0.iter_mut().for_each(|block| block.retain(|(key, value)| keep(key, value)));
        self.0.retain(|block| !block.is_empty());
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Map<K, V> {
    /// Of several with one key, the last is taken.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(values: I) -> Self {
        let mut list: Vec<(K, V)> = values.into_iter().collect();
        let order = order(list.len(), &|a, b| list[a].0.cmp(&list[b].0).then(b.cmp(&a)));
        arrange(&mut list, order);
        list.dedup_by(|later, first| later.0 == first.0);
        let (mut blocks, mut list) = (Vec::new(), list.into_iter().peekable());
        while list.peek().is_some() {
            blocks.push(list.by_ref().take(BLOCK).collect());
        }
        Self(blocks)
    }
}

impl<K, V> IntoIterator for Map<K, V> {
    type Item = (K, V);
    type IntoIter = std::iter::Flatten<std::vec::IntoIter<Vec<(K, V)>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().flatten()
    }
}

/// A set, in order.
#[derive(Clone, Debug)]
pub(crate) struct Set<T>(Map<T, ()>);

impl<T> Default for Set<T> {
    fn default() -> Self {
        Self(Map::default())
    }
}

impl<T: Ord> Set<T> {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Whether it was not there before.
    pub(crate) fn insert(&mut self, value: T) -> bool {
        self.0.insert(value, ()).is_none()
    }

    pub(crate) fn contains(&self, value: &T) -> bool {
        self.0.get(value).is_some()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.0.iter().map(Vec::len).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.0.is_empty()
    }

    pub(crate) fn is_subset(&self, other: &Self) -> bool {
        self.iter().all(|value| other.contains(value))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.0.iter().flatten().map(|(value, ())| value)
    }
}

impl<T: Ord> PartialEq for Set<T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<T: Ord> FromIterator<T> for Set<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self(values.into_iter().map(|value| (value, ())).collect())
    }
}

impl<T: Ord> IntoIterator for Set<T> {
    type Item = T;
    type IntoIter = std::iter::Map<<Map<T, ()> as IntoIterator>::IntoIter, fn((T, ())) -> T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().map(|(value, ())| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorting_is_that_of_the_standard_library() {
        let mut n = 7_u64;
        for len in 0..200 {
            let mut list: Vec<(u64, usize)> = (0..len)
                .map(|i| {
                    n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (n >> 60, i)
                })
                .collect();
            let mut expected = list.clone();
            expected.sort_by_key(|(key, _)| *key);
            sort_by_key(&mut list, |(key, _)| *key);
            assert_eq!(list, expected);
            let keys: Vec<u64> = list.iter().map(|(key, _)| *key).rev().collect();
            let set: std::collections::BTreeSet<u64> = keys.iter().copied().collect();
            assert!(keys.into_iter().collect::<Set<u64>>().iter().eq(set.iter()));
            let map: std::collections::BTreeMap<u64, usize> = expected.iter().copied().collect();
            assert!(expected.into_iter().collect::<Map<u64, usize>>().into_iter().eq(map));
        }
    }

    #[test]
    fn a_map_filled_in_any_order_is_that_of_the_standard_library() {
        let scattered = |n: usize| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
        let orders: [&dyn Fn(usize) -> usize; 3] = [&|n| n, &|n| 9999 - n, &scattered];
        for order in orders {
            let (mut map, mut known) = (Map::new(), std::collections::BTreeMap::new());
            for n in 0..5000 {
                let key = order(n);
                assert_eq!(map.insert(key, n), known.insert(key, n));
                if n % 3 == 0 {
                    let made = *map.or_insert_with(key + 1, || n);
                    assert_eq!(made, *known.entry(key + 1).or_insert(n));
                }
                if n % 500 == 0 {
                    assert!(map.up_to(&key).eq(known.range(..=key)));
                    assert!(map.up_to(&key).rev().eq(known.range(..=key).rev()));
                }
            }
            assert!((0..12_000).all(|key| map.get(&key) == known.get(&key)));
            map.retain(|key, _| key % 7 != 0);
            known.retain(|key, _| key % 7 != 0);
            assert!(map.into_iter().eq(known));
        }
        let (empty, set) = (Map::<u8, u8>::new(), Set::<u8>::new());
        assert!(empty.get(&1).is_none() && empty.up_to(&9).next().is_none() && set.is_empty());
    }

    #[test]
    fn arranging_a_rotation_moves_each_once() {
        // Every order is done in as many exchanges as there are entries.
        use std::cell::Cell;
        let steps = Cell::new(0);
        let mut list: Vec<usize> = (0..50_000).map(|n| (n + 1) % 50_000).collect();
        sort_by_key(&mut list, |n| {
            steps.set(steps.get() + 1);
            *n
        });
        assert!(list.is_sorted() && steps.get() < 50_000 * 40, "{}", steps.get());
    }
}
