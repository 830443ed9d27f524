//! Unicode's full case folding, built from the mappings of the standard library.
//!
//! Folding equals upper-casing and then lower-casing each character, but for the dotless i, which folds to itself, and
//! Cherokee, which folds to its upper case (Unicode Standard, section 5.18 and CaseFolding.txt).

/// Writes the folded text into `scratch`; `false` where the text already is folded.
pub(super) fn casefold(text: &str, scratch: &mut String) -> bool {
    scratch.clear();
    text.chars().for_each(|character| fold(character, scratch));
    scratch != text
}

fn fold(character: char, out: &mut String) {
    match character {
        'A'..='Z' => out.push(character.to_ascii_lowercase()),
        '\0'..='\x7f' | 'ı' => out.push(character),
        '\u{13a0}'..='\u{13fd}' | '\u{ab70}'..='\u{abbf}' => out.extend(character.to_uppercase()),
        _ => out.extend(character.to_uppercase().flat_map(char::to_lowercase)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        let mut scratch = String::new();
        casefold(text, &mut scratch);
        scratch
    }

    #[test]
    fn words_that_differ_in_case_alone_fold_to_the_same_text() {
        assert_eq!(folded("STRASSE"), folded("straße"));
        assert_eq!(folded("ΣΊΣΥΦΟΣ"), folded("σίσυφος"));
        assert_eq!(folded("ꭰ"), folded("Ꭰ"));
        assert_eq!(folded("ῼ"), folded("ῳ"));
    }

    #[test]
    fn words_that_differ_in_more_stay_apart() {
        assert_ne!(folded("ı"), folded("i"));
        assert_ne!(folded("é"), folded("e"));
        let mut scratch = String::new();
        assert!(!casefold("already folded", &mut scratch));
    }
}
