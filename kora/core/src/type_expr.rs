//! Type expressions: `name`, `name(10,2)`, `list<integer>`, `struct<"a" text,"b" map<text,integer>>`.
//!
//! One small grammar for every place that names a nested type in a string: what a PostgreSQL column's bytes hold, what
//! they must become, what a JSON text stands for. Fields stand in double quotes, a quote within them is doubled.

/// Expressions within each other, at most: as deep as a structured value may be, and a leaf.
const MAX_DEPTH: usize = 33;

/// One expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TypeExpr {
    /// What stands in front of the arguments, modifiers included: `numeric(10,2)`.
    pub head: String,
    /// What stands between the angle brackets.
    pub arguments: Vec<Argument>,
}

/// One argument, named where it is a field or an alternative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Argument {
    /// The name in quotes.
    pub label: Option<String>,
    /// The type.
    pub expr: TypeExpr,
}

impl TypeExpr {
    /// Reads an expression; `None` for what is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut cursor = Cursor { rest: text };
        let expr = cursor.expr(MAX_DEPTH)?;
        cursor.rest.is_empty().then_some(expr)
    }

    /// The one argument of a list and its like.
    pub fn only(&self) -> Option<&TypeExpr> {
        match self.arguments.as_slice() {
            [Argument { label: None, expr }] => Some(expr),
            _ => None,
        }
    }

    /// The arguments where every one is named.
    pub fn fields(&self) -> Option<Vec<(&str, &TypeExpr)>> {
        let named = |argument: &'_ Argument| argument.label.is_some();
        self.arguments.iter().all(named).then(|| {
            self.arguments
                .iter()
                .filter_map(|argument| Some((argument.label.as_deref()?, &argument.expr)))
                .collect()
        })
    }
}

struct Cursor<'a> {
    rest: &'a str,
}

impl Cursor<'_> {
    fn take(&mut self, byte: char) -> bool {
        match self.rest.strip_prefix(byte) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }

    fn expr(&mut self, depth: usize) -> Option<TypeExpr> {
        let depth = depth.checked_sub(1)?;
        let mut within_modifiers = false;
        let end = self.rest.find(|next| {
            within_modifiers = (within_modifiers || next == '(') && next != ')';
            matches!(next, '<' | '>' | '"') || next == ',' && !within_modifiers
        });
        let (head, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        let mut expr = TypeExpr {
            head: head.trim().to_owned(),
            arguments: Vec::new(),
        };
        if self.take('<') && !self.take('>') {
            loop {
                expr.arguments.push(self.argument(depth)?);
                if self.take('>') {
                    break;
                }
                self.take(',').then_some(())?;
            }
        }
        (!expr.head.is_empty()).then_some(expr)
    }

    fn argument(&mut self, depth: usize) -> Option<Argument> {
        self.skip_blanks();
        let label = if self.rest.starts_with('"') {
            Some(self.label()?)
        } else {
            None
        };
        Some(Argument {
            label,
            expr: self.expr(depth)?,
        })
    }

    fn label(&mut self) -> Option<String> {
        let mut label = String::new();
        self.take('"').then_some(())?;
        loop {
            let (part, rest) = self.rest.split_once('"')?;
            label.push_str(part);
            self.rest = rest;
            if !self.take('"') {
                return Some(label);
            }
            label.push('"');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_nest_and_fields_have_any_name() {
        let expr = TypeExpr::parse(r#"struct<"a ""b"" <,>" numeric(10,2),"" map<text,list<int4>>>"#).unwrap();
        let fields = expr.fields().unwrap();
        assert_eq!(
            (fields[0].0, fields[0].1.head.as_str()),
            ("a \"b\" <,>", "numeric(10,2)")
        );
        assert_eq!(fields[1].1.arguments[1].expr.only().unwrap().head, "int4");
        assert!(TypeExpr::parse("struct<>").unwrap().fields().unwrap().is_empty());
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        let deep = format!("{}int4{}", "list<".repeat(40), ">".repeat(40));
        for text in [
            "",
            "list<",
            "list<int4",
            "list<int4>>",
            "list<>x",
            "struct<\"a int4>",
            "<int4>",
            &deep,
        ] {
            assert_eq!(TypeExpr::parse(text), None, "{text}");
        }
    }
}
