//! Rules about the text of a file.

/// Lines of a source file.
const LINES_LIMIT: usize = 1000;
/// Lines of a `lib.rs`, which shows the crate's idea.
const LIB_LINES_LIMIT: usize = 100;
/// Lines above an `unsafe` in which its SAFETY line must stand.
const SAFETY_REACH: usize = 8;

/// Marks of unfinished work. Taken apart, so that this file has none.
const UNFINISHED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("to", "do!("),
    concat!("unimplem", "ented!("),
    concat!("dbg", "!("),
];

/// Starts of paths that exist on one machine only.
const MACHINE_PATHS: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
    concat!("/tm", "p/"),
];

/// What is wrong with a file; `path` is relative to the workspace, with slashes.
pub fn check(path: &str, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let is_code = [".rs", ".sol", ".py", ".mjs"].iter().any(|end| path.ends_with(end));
    let lines = text.lines().count();
    if is_code && lines > LINES_LIMIT {
        wrong.push(format!("{path}: {lines} lines, more than {LINES_LIMIT}"));
    }
    if path.ends_with("src/lib.rs") && lines > LIB_LINES_LIMIT {
        wrong.push(format!("{path}: {lines} lines, more than {LIB_LINES_LIMIT}"));
    }
    for (at, line) in text.lines().enumerate() {
        let place = format!("{path}:{}", at + 1);
        if is_code && let Some(mark) = UNFINISHED.iter().find(|mark| has_mark(line, mark)) {
            wrong.push(format!("{place}: `{mark}`: finish it"));
        }
        if let Some(machine) = MACHINE_PATHS.iter().find(|start| has_path(line, start)) {
            wrong.push(format!("{place}: a path of one machine, `{machine}…`"));
        }
    }
    if path.ends_with(".rs") {
        wrong.extend(check_unsafe(path, text));
    }
    wrong
}

/// A mark that is not part of a longer word.
fn has_mark(line: &str, mark: &str) -> bool {
    line.match_indices(mark).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + mark.len()..].chars().next();
        let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !is_word(before) && (mark.ends_with('(') || !is_word(after))
    })
}

/// A path from the file system's root: nothing that could be a relative path or an address stands before it.
fn has_path(line: &str, start: &str) -> bool {
    line.match_indices(start).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-/}*)".contains(c))
    })
}

fn check_unsafe(path: &str, text: &str) -> Vec<String> {
    let is_allowed = path.starts_with("crates/ops/src/simd/") || path.starts_with("edge/");
    let lines: Vec<&str> = text.lines().collect();
    let mut wrong = Vec::new();
    for (at, _) in lines.iter().enumerate().filter(|(_, line)| has_mark(code_of(line), "unsafe")) {
        let place = format!("{path}:{}", at + 1);
        if !is_allowed {
            wrong.push(format!("{place}: unsafe outside crates/ops/src/simd and edge"));
            continue;
        }
        let near = &lines[at.saturating_sub(SAFETY_REACH)..=at];
        if !near.iter().any(|line| line.contains("SAFETY:") || line.contains("# Safety")) {
            wrong.push(format!("{place}: unsafe without a SAFETY line"));
        }
    }
    wrong
}

/// The line without a comment at its end and without its string literals.
fn code_of(line: &str) -> &str {
    let end = line.find("//").unwrap_or(line.len());
    let end = line.find('"').unwrap_or(end).min(end);
    &line[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNSAFE: &str = concat!("un", "safe");

    #[test]
    fn long_files() {
        let lines = |count| "x\n".repeat(count);
        assert!(check("crates/a/src/b.rs", &lines(LINES_LIMIT)).is_empty());
        assert_eq!(check("crates/a/src/b.rs", &lines(LINES_LIMIT + 1)).len(), 1);
        assert!(check("docs/long.md", &lines(LINES_LIMIT + 1)).is_empty());
        assert_eq!(check("crates/a/src/lib.rs", &lines(LIB_LINES_LIMIT + 1)).len(), 1);
    }

    #[test]
    fn unfinished_work() {
        for mark in UNFINISHED {
            assert_eq!(check("a.rs", &format!("    {mark} x")).len(), 1, "{mark}");
            assert!(check("a.md", mark).is_empty(), "prose may speak of it");
        }
        assert!(check("a.rs", concat!("let x = MASTODON_TO", "DOS;")).is_empty());
    }

    #[test]
    fn paths_of_one_machine() {
        for start in MACHINE_PATHS {
            assert_eq!(check("a.md", &format!("see {start}x")).len(), 1, "{start}");
            assert_eq!(check("a.rs", &format!("\"{start}x\"")).len(), 1, "{start}");
            assert!(check("a.md", &format!("see https://example.org{start}x")).is_empty(), "{start}");
            assert!(check("a.md", &format!("crates{start}x and ..{start}x")).is_empty(), "{start}");
        }
    }

    #[test]
    fn unsafe_code_has_its_place_and_its_reason() {
        let block = format!("    {UNSAFE} {{ x }}");
        assert_eq!(check("crates/num/src/soft.rs", &block).len(), 1);
        assert_eq!(check("crates/ops/src/simd/avx2.rs", &block).len(), 1);
        let reasoned = format!("// SAFETY: because\n{block}");
        assert!(check("crates/ops/src/simd/avx2.rs", &reasoned).is_empty());
        assert!(check("edge/bench/src/main.rs", &reasoned).is_empty());
        assert_eq!(check("crates/num/src/soft.rs", &reasoned).len(), 1);
        assert!(
            check("crates/num/src/soft.rs", &format!("#![deny({UNSAFE}_code)] // no {UNSAFE}")).is_empty()
        );
    }
}
