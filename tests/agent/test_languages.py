"""Each language's definitions, as a reader of the file would list them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.languages import LANGUAGES, SOURCES, language_of
from agent.symbols import cut

SAMPLES = {
    "shapes.js": (
        """\
import { unit } from './unit.js';

export class Shape {
  constructor(side) { this.side = side; }
  area() {
    return unit(this.side);
  }
}

export const perimeter = (shape) => 4 * shape.side;
function* corners(shape) { yield shape; }
Shape.prototype.grow = function (by) { this.side += by; };
const table = { double: function (x) { return 2 * x; } };
""",
        [
            "3-8 class Shape",
            "4-4 method Shape.constructor",
            "5-7 method Shape.area",
            "10-10 function perimeter",
            "11-11 function corners",
            "12-12 function grow",
            "13-13 function double",
        ],
    ),
    "shapes.tsx": (
        """\
export interface Shape {
  area(): number;
}
abstract class Base implements Shape {
  abstract area(): number;
}
export const View = (props: { shape: Shape }) => <b>{props.shape.area()}</b>;
""",
        ["1-3 class Shape", "4-6 class Base", "5-5 method Base.area", "7-7 function View"],
    ),
    "shapes.ts": (
        """\
namespace shapes {
  export type Side = number;
  export enum Kind { Square }
  export function area(side: Side): number { return side * side; }
}
""",
        ["2-2 class shapes.Side", "3-3 class shapes.Kind", "4-4 function shapes.area"],
    ),
    "shapes.go": (
        """\
package shapes

type Square struct {
	side int
}

func (s *Square) Area() int {
	return s.side * s.side
}

func (l List[T]) Len() int { return 0 }

func New(side int) *Square { return &Square{side} }
""",
        ["3-5 class Square", "7-9 method Square.Area", "11-11 method List.Len", "13-13 function New"],
    ),
    "Shape.java": (
        """\
package org.shapes;

public class Shape {
    private final int side;

    public Shape(int side) {
        this.side = side;
    }

    @Override
    public int area() { return side * side; }

    enum Kind { SQUARE }
}
""",
        [
            "3-14 class Shape",
            "6-8 method Shape.Shape",
            "10-11 method Shape.area",
            "13-13 class Shape.Kind",
        ],
    ),
    "shapes.rs": (
        """\
pub struct Square<T> {
    side: T,
}

impl<T> Shape for Square<T> {
    fn area(&self) -> u32 {
        self.side
    }
}

mod inner {
    pub fn helper() {}
}

macro_rules! square { () => {} }
""",
        [
            "1-3 class Square",
            "6-8 method Square.area",
            "12-12 function inner.helper",
            "15-15 function square",
        ],
    ),
    "shapes.c": (
        """\
#define AREA(x) ((x) * (x))
struct square {
    int side;
};
struct square *grow(struct square *s, int by)
{
    return s;
}
static int area(const struct square *s) { return s->side; }
""",
        ["2-4 class square", "5-8 function grow", "9-9 function area"],
    ),
    "shapes.cpp": (
        """\
namespace shapes {
class Square {
 public:
  int area() const { return side_; }
  ~Square() {}
};
template <typename T>
T twice(T value) { return value + value; }
}
int shapes::Square::perimeter() const
{
  return 4;
}
""",
        [
            "2-6 class shapes.Square",
            "4-4 method shapes.Square.area",
            "5-5 method shapes.Square.Square",
            "7-8 function shapes.twice",
            "10-13 function shapes.Square.perimeter",
        ],
    ),
    "shapes.rb": (
        """\
module Shapes
  class Square
    def area
      @side * @side
    end

    def self.unit
      new(1)
    end
  end
end
""",
        [
            "1-11 class Shapes",
            "2-10 class Shapes.Square",
            "3-5 method Shapes.Square.area",
            "7-9 method Shapes.Square.unit",
        ],
    ),
    "Shape.php": (
        """\
<?php
namespace App;

interface Shape { public function area(): int; }

final class Square implements Shape
{
    public function area(): int
    {
        return $this->side ** 2;
    }
}

function unit() { return new Square(1); }
""",
        [
            "4-4 class Shape",
            "4-4 method Shape.area",
            "6-12 class Square",
            "8-11 method Square.area",
            "14-14 function unit",
        ],
    ),
}


@pytest.mark.parametrize("path", SAMPLES)
def test_definitions_of_each_language(path):
    source, expected = SAMPLES[path]
    found = [str(symbol).partition(":")[2] for symbol in cut(source, path)]
    assert [line for line in found if "AREA" not in line] == expected


def test_a_macro_with_parameters_is_a_function():
    assert str(cut(*SAMPLES["shapes.c"][:1], "shapes.c")[0]) == "shapes.c:1-2 function AREA"


def test_each_language_has_a_sample():
    sampled = {found.name for path in SAMPLES if (found := language_of(path))}
    assert {language.name for language in LANGUAGES} - sampled == {"python"}  # test_symbols.py has its own


def test_files_of_no_language():
    assert language_of("README.md") is None
    assert language_of("Makefile") is None
    assert language_of("a.py/b") is None
    assert "*.py" in SOURCES


@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_damaged_files_are_cut_too(path, data):
    source = SAMPLES[path][0]
    place = data.draw(st.integers(0, len(source)))
    damaged = (
        source[:place] + data.draw(st.text(max_size=20)) + source[place + data.draw(st.integers(0, 40)) :]
    )
    lines = damaged.count("\n") + 1
    for symbol in cut(damaged, path):
        assert 1 <= symbol.start <= symbol.body <= symbol.end <= lines
        assert symbol.name
        assert symbol.qualified.endswith(symbol.name)
