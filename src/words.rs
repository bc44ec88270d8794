//! Words that sentences are joined with.

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn listed<T: AsRef<str>>(words: &[T]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match &words[..] {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `1 key`, `2 keys`.
pub(crate) fn plural(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}

/// What a verb ends in behind so many: one stays, two stay.
pub(crate) fn verb(n: usize) -> &'static str {
    if n == 1 { "s" } else { "" }
}

/// `a key`, `2 keys`.
pub(crate) fn counted(n: usize, word: &str) -> String {
    match n {
        1 => format!("a {word}"),
        n => plural(n, word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_like_sentences() {
        assert_eq!(listed::<&str>(&[]), "");
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["a", "b"]), "a and b");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
        assert_eq!([0, 1, 2].map(|n| plural(n, "key")), ["0 keys", "1 key", "2 keys"]);
        assert_eq!([1, 2].map(|n| counted(n, "key")), ["a key", "2 keys"]);
    }
}
