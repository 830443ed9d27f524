//! Structured cells: what a builder makes is canonical, and only whole structures are made.

use kora_core::canon::{decode_cells, encode_cell, Dimension, StructureBuilder};
use kora_core::cell::Cell;
use proptest::prelude::*;

fn encoded(cell: &Cell<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    encode_cell(cell, &mut out).unwrap();
    out
}

/// Begins lists within each other and says whether so many are accepted.
fn nests(depth: usize) -> bool {
    let mut builder = StructureBuilder::default();
    (0..depth).all(|_| builder.begin_list().is_ok())
}

#[test]
fn structures_nest_as_deep_as_the_format_says_and_no_deeper() {
    assert!(nests(32) && !nests(33));
    let mut inner = StructureBuilder::default();
    (0..32).for_each(|_| inner.begin_list().unwrap());
    (0..32).for_each(|_| inner.end().unwrap());
    let deep = inner.finish().unwrap();
    assert!(decode_cells(&encoded(&deep)).is_ok());
    let mut outer = StructureBuilder::default();
    outer.begin_list().unwrap();
    assert!(outer.push(&deep).is_err());
}

#[test]
fn parts_that_make_no_structure_are_refused() {
    type Step = fn(&mut StructureBuilder) -> kora_core::error::Result<()>;
    let wrong: [(&str, &[Step]); 9] = [
        ("a value outside of a structure", &[|b| b.push(&Cell::Null)]),
        (
            "a field without its name",
            &[|b| b.begin_struct(), |b| b.push(&Cell::Null)],
        ),
        (
            "a name without its field",
            &[|b| b.begin_struct(), |b| b.field("a"), |b| b.end()],
        ),
        (
            "a key without its value",
            &[|b| b.begin_map(), |b| b.push(&Cell::Int(1)), |b| b.end()],
        ),
        ("a NULL key", &[|b| b.begin_map(), |b| b.push(&Cell::Null)]),
        (
            "a missing bound",
            &[|b| b.begin_range(2), |b| b.push(&Cell::Int(1)), |b| b.end()],
        ),
        (
            "an empty range in a multirange",
            &[|b| b.begin_multirange(), |b| b.begin_range(1)],
        ),
        ("a value in a set", &[|b| b.begin_set(), |b| b.push(&Cell::Text("a"))]),
        (
            "two values of a union",
            &[
                |b| b.begin_union("a"),
                |b| b.push(&Cell::Int(1)),
                |b| b.push(&Cell::Int(2)),
                |b| b.end(),
            ],
        ),
    ];
    for (name, steps) in wrong {
        let mut builder = StructureBuilder::default();
        let (last, first) = steps.split_last().unwrap();
        first.iter().for_each(|step| step(&mut builder).unwrap());
        assert!(last(&mut builder).is_err(), "{name}");
    }
}

/// A nested value as a tree, to build cells from.
#[derive(Clone, Debug, PartialEq)]
enum Tree {
    Leaf(String),
    Null,
    List(Vec<Tree>),
    Array(Vec<Dimension>, Vec<Tree>),
    Struct(Vec<(String, Tree)>),
    Map(Vec<(i64, Tree)>),
    Union(String, Box<Tree>),
    Set(Vec<String>),
    Range(u8, Vec<i64>),
}

fn any_range() -> impl Strategy<Value = Tree> {
    (any::<[bool; 2]>(), any::<[bool; 2]>(), any::<[i64; 2]>()).prop_map(|(inclusive, infinite, bounds)| {
        let flag = |side: usize| match (infinite[side], inclusive[side]) {
            (true, _) => 8 << side,
            (false, true) => 2 << side,
            (false, false) => 0,
        };
        let kept = (0..2)
            .filter(|side| !infinite[*side])
            .map(|side| bounds[side])
            .collect();
        Tree::Range(flag(0) | flag(1), kept)
    })
}

fn any_tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Null),
        "\\PC{0,3}".prop_map(Tree::Leaf),
        any_range(),
        Just(Tree::Range(1, vec![])),
        prop::collection::vec("[a-c]{0,2}", 0..3).prop_map(Tree::Set),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let some = prop::collection::vec(inner.clone(), 0..4);
        let grid = (1..3_u32, 1..3_u32, any::<i32>(), -1..2_i32).prop_flat_map({
            let inner = inner.clone();
            move |(rows, columns, lower, other)| {
                let dimensions = vec![
                    Dimension { length: rows, lower },
                    Dimension {
                        length: columns,
                        lower: other,
                    },
                ];
                let elements = prop::collection::vec(inner.clone(), (rows * columns) as usize);
                (Just(dimensions), elements)
            }
        });
        prop_oneof![
            some.prop_map(Tree::List),
            grid.prop_map(|(dimensions, elements)| Tree::Array(dimensions, elements)),
            prop::collection::vec(("[a-c]{0,2}", inner.clone()), 0..4).prop_map(Tree::Struct),
            prop::collection::vec((any::<i64>(), inner.clone()), 0..4).prop_map(Tree::Map),
            ("[a-c]{0,2}", inner).prop_map(|(name, tree)| Tree::Union(name, Box::new(tree))),
        ]
    })
}

fn build(tree: &Tree, builder: &mut StructureBuilder) {
    match tree {
        Tree::Leaf(text) => return builder.push(&Cell::Text(text)).unwrap(),
        Tree::Null => return builder.push(&Cell::Null).unwrap(),
        Tree::List(parts) => {
            builder.begin_list().unwrap();
            parts.iter().for_each(|part| build(part, builder));
        }
        Tree::Array(dimensions, parts) => {
            builder.begin_array(dimensions).unwrap();
            parts.iter().for_each(|part| build(part, builder));
        }
        Tree::Struct(fields) => {
            builder.begin_struct().unwrap();
            for (name, part) in fields {
                builder.field(name).unwrap();
                build(part, builder);
            }
        }
        Tree::Map(entries) => {
            builder.begin_map().unwrap();
            for (key, part) in entries {
                builder.push(&Cell::Int((*key).into())).unwrap();
                build(part, builder);
            }
        }
        Tree::Union(name, part) => {
            builder.begin_union(name).unwrap();
            build(part, builder);
        }
        Tree::Set(labels) => {
            builder.begin_set().unwrap();
            labels.iter().for_each(|label| builder.label(label).unwrap());
        }
        Tree::Range(flags, bounds) => {
            builder.begin_range(*flags).unwrap();
            bounds
                .iter()
                .for_each(|bound| builder.push(&Cell::Int((*bound).into())).unwrap());
        }
    }
    builder.end().unwrap();
}

/// The canonical bytes of a tree within a list, so that a leaf is one too.
fn built(tree: &Tree) -> Vec<u8> {
    let mut builder = StructureBuilder::default();
    builder.begin_list().unwrap();
    build(tree, &mut builder);
    builder.end().unwrap();
    encoded(&builder.finish().unwrap())
}

proptest! {
    #[test]
    fn what_a_builder_makes_is_canonical_and_different_trees_have_different_bytes(left in any_tree(), right in any_tree()) {
        let (a, b) = (built(&left), built(&right));
        prop_assert_eq!(decode_cells(&a).unwrap().len(), 1);
        prop_assert_eq!(left == right, a == b);
    }
}
