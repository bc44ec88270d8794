//! Each law of `ismvault_testkit::laws` on what earlier searches kept, and on
//! fixtures that were changed: the same in every run; `LAWS_CASES` makes them more.
#![allow(clippy::unwrap_used)]

use ismvault_testkit::laws::{LAWS, Law};

/// xorshift64*: the same numbers everywhere.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end.max(1)
    }

    /// Changes a few bytes, cuts, doubles or drops a part.
    fn change(&mut self, input: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let (at, len) = (self.below(input.len()), 1 + self.below(40));
            let end = (at + len).min(input.len());
            match self.below(8) {
                0 => input.truncate(at),
                1 => drop(input.drain(at..end)),
                2 => {
                    let part = input[at..end].to_vec();
                    input.splice(at..at, part);
                }
                3 if end > at => input[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
                4 if end >= at + 4 => input[at..at + 4].fill([0, 0xff][self.below(2)]),
                _ if end > at => input[at] ^= 1 << self.below(8),
                _ => {}
            }
        }
    }
}

fn try_out(law: &Law) {
    let cases = std::env::var("LAWS_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(150);
    let seeds = (law.seeds)();
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let corpus = law.corpus();
    assert!(corpus.len() > 100, "what searches found is kept in fuzz/corpus");
    for input in seeds.iter().chain(&corpus) {
        (law.holds)(input);
    }
    for _ in 0..cases {
        let mut input = seeds[numbers.below(seeds.len())].clone();
        numbers.change(&mut input);
        (law.holds)(&input);
    }
}

macro_rules! laws {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            try_out(ismvault_testkit::laws::law(stringify!($name)).unwrap());
        })*

        #[test]
        fn every_law_is_tried() {
            let names: Vec<&str> = LAWS.iter().map(|law| law.name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

laws! { look protect rewrite paste key manifest }
