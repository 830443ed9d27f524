"""Parquet's nested kinds, as DuckDB writes them; its plain ones are DuckDB's, whose reader and writer it shares.

Source: github.com/apache/parquet-format, LogicalTypes.md, "Nested Types".
"""

from tests.corpus.kinds import Kind

KINDS = (
    Kind("list", "INTEGER[]", ("[1, NULL, -2147483648]", "[]", "[NULL]"), "nested"),
    Kind("list_of_text", "VARCHAR[]", ("['a', 'it''s', '', NULL, '\"q\"', 'NULL']", "[]"), "nested"),
    Kind("list_of_lists", "BIGINT[][]", ("[[1], [], NULL, [9223372036854775807]]", "[]", "[[]]"), "nested"),
    Kind("list_of_structs", "STRUCT(n DECIMAL(9,2), t VARCHAR)[]", ("[{'n': 1.5, 't': 'x'}, NULL]", "[]"), "nested"),
    Kind("struct", "STRUCT(a INTEGER, \"b c\" VARCHAR)", ("{'a': 1, 'b c': 'x'}", "{'a': NULL, 'b c': ''}"), "nested"),
    Kind("struct_of_list", "STRUCT(l STRUCT(n BIGINT)[])", ("{'l': [{'n': 9007199254740993}, NULL]}", "{'l': []}"),
         "nested"),
    Kind("map", "MAP(VARCHAR, INTEGER)", ("MAP {'a': 1, '': NULL}", "MAP {}"), "map"),
    Kind("map_of_lists", "MAP(VARCHAR, BOOLEAN[])", ("MAP {'b': [true, NULL], 'a': []}", "MAP {}"), "map"),
)  # fmt: skip
