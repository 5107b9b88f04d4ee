from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.context.repository_map import draw_map
from agent.symbols import cut

SOURCES = {
    "shapes/square.py": (
        "class Square(Shape):\n    side = 1\n\n    @property\n    def area(\n        self,\n"
        "        scale=1,\n"
        "    ) -> int:\n        return self.side\n\n\ndef unit(): return Square()\n"
    ),
    "shapes/circle.py": "class Circle:\n    def area(self):\n        return 3\n",
    "setup.py": "x = 1\n",
    "app.go": "package app\n\nfunc Run(a int) error {\n\treturn nil\n}\n",
}
DEFINITIONS = {path: cut(text, path) for path, text in SOURCES.items()}


def drawn(tokens, count=len):
    return "\n".join(draw_map(list(SOURCES), DEFINITIONS, SOURCES, tokens, count))


def test_a_map_with_room_for_all():
    assert (
        drawn(10_000)
        == """\
shapes/square.py
  1-9 class Square(Shape):
    4-9 def area( self, scale=1, ) -> int:
  12-12 def unit(): return Square()
shapes/circle.py
  1-3 class Circle:
    2-3 def area(self):
setup.py
app.go
  3-5 func Run(a int) error"""
    )


@given(
    st.integers(0, 400), st.sampled_from([len, lambda text: len(text.split()), lambda text: 2 * len(text)])
)
def test_a_map_never_has_more_tokens_than_asked_for(tokens, count):
    text = drawn(tokens, count)
    assert count(text) <= tokens or not text


@given(st.integers(20, 400))
def test_the_best_files_have_the_most_detail(tokens):
    blocks = draw_map(list(SOURCES), DEFINITIONS, SOURCES, tokens, len)
    paths = [block.split("\n")[0] for block in blocks]
    assert paths == [path for path in SOURCES if path in paths]
    assert all(line.split("-")[0].strip().isdigit() for block in blocks for line in block.split("\n")[1:])


def test_a_long_signature_is_cut_and_a_generated_file_does_not_flood_the_map():
    sources = {"long.py": f"def f({', '.join(f'a{n}' for n in range(300))}):\n    pass\n"}
    sources["many.py"] = "".join(f"def f{n}(): pass\n" for n in range(3000))
    definitions = {path: cut(text, path) for path, text in sources.items()}
    blocks = draw_map(list(sources), definitions, sources, 1_000_000, len)
    assert all(len(line) < 200 for line in blocks[0].split("\n"))
    assert len(blocks[1].split("\n")) == 201
