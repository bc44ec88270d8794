//! Sorting, and sets and maps that are sorted lists. Those of the standard
//! library are compiled anew for every type, which would be a fifth of what the
//! page loads; here the sorting itself is there once.

use std::cmp::Ordering;

/// Sorts; what is equal keeps its order.
pub(crate) fn sort<T: Ord>(list: &mut [T]) {
    let order = order(list.len(), &|a, b| list[a].cmp(&list[b]));
    arrange(list, &order);
}

/// Sorts by a key; what has the same one keeps its order.
pub(crate) fn sort_by_key<T, K: Ord>(list: &mut [T], key: impl Fn(&T) -> K) {
    let order = order(list.len(), &|a, b| key(&list[a]).cmp(&key(&list[b])));
    arrange(list, &order);
}

#[inline(never)]
fn order(len: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    order.sort_by(|a, b| compare(*a, *b));
    order
}

/// Puts at each place what `order` names for it.
fn arrange<T>(list: &mut [T], order: &[usize]) {
    for place in 0..order.len() {
        // What was there before may have been exchanged already, along a chain.
        let mut from = order[place];
        while from < place {
            from = order[from];
        }
        list.swap(place, from);
    }
}

/// A set, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Set<T>(Vec<T>);

impl<T> Default for Set<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Ord> Set<T> {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Whether it was not there before.
    pub(crate) fn insert(&mut self, value: T) -> bool {
        let place = self.0.binary_search(&value);
        if let Err(place) = place {
            self.0.insert(place, value);
        }
        place.is_err()
    }

    pub(crate) fn contains(&self, value: &T) -> bool {
        self.0.binary_search(value).is_ok()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn is_subset(&self, other: &Self) -> bool {
        self.0.iter().all(|value| other.contains(value))
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }
}

impl<T: Ord> FromIterator<T> for Set<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut list: Vec<T> = values.into_iter().collect();
        sort(&mut list);
        list.dedup();
        Self(list)
    }
}

impl<T> IntoIterator for Set<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'s, T> IntoIterator for &'s Set<T> {
    type Item = &'s T;
    type IntoIter = std::slice::Iter<'s, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// A map, in the order of its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Map<K, V>(Vec<(K, V)>);

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V> Map<K, V> {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn place(&self, key: &K) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.cmp(key))
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.place(key).ok().map(|place| &self.0[place].1)
    }

    /// Gives the value that was there before.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.place(&key) {
            Ok(place) => Some(std::mem::replace(&mut self.0[place].1, value)),
            Err(place) => {
                self.0.insert(place, (key, value));
                None
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The value of a key, made where there is none.
    pub(crate) fn or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let place = match self.place(&key) {
            Ok(place) => place,
            Err(place) => {
                self.0.insert(place, (key, make()));
                place
            }
        };
        &mut self.0[place].1
    }

    /// Those with a key up to this one.
    pub(crate) fn up_to(&self, key: &K) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        let behind = self.0.partition_point(|(known, _)| known <= key);
        self.0[..behind].iter().map(|(key, value)| (key, value))
    }

    /// Keeps those of which it says so.
    pub(crate) fn retain(&mut self, keep: impl Fn(&K, &V) -> bool) {
        self.0.retain(|(key, value)| keep(key, value));
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Map<K, V> {
    /// Of several with one key, the last is taken.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(values: I) -> Self {
        let mut list: Vec<(K, V)> = values.into_iter().collect();
        let order = order(list.len(), &|a, b| list[a].0.cmp(&list[b].0).then(b.cmp(&a)));
        arrange(&mut list, &order);
        list.dedup_by(|later, first| later.0 == first.0);
        Self(list)
    }
}

impl<K, V> IntoIterator for Map<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
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
}
