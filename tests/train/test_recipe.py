from pathlib import Path

import pytest

from penname.core.errors import InputError
from penname.train.settings import load_recipe, shipped_recipes


def test_every_shipped_recipe_loads() -> None:
    assert "base" in shipped_recipes()
    for name in shipped_recipes():
        recipe = load_recipe(name)
        settings = recipe.settings(1_000_000)
        assert settings.steps == round(recipe.passes * 1_000_000 / (settings.rows * settings.context))
        assert recipe.config(16_384).parameters() > 1_000_000


def test_all_that_is_wrong_is_told_at_once_with_suggestions(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text("[train]\ndropuot = 0.1\n[shape]\nhidden = 3\n[other]\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_recipe(str(path))
    text = str(caught.value)
    assert "train.dropuot (did you mean train.dropout?)" in text
    assert "shape.hidden" in text
    assert "other" in text


def test_values_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text("[train]\ndropout = 3.0\nrows = 0\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"rows must be at least 1.*dropout is a share"):
        load_recipe(str(path))


@pytest.mark.parametrize("name", ["nothing", "missing.toml"])
def test_an_unknown_recipe_is_an_input_error(name: str) -> None:
    with pytest.raises(InputError, match="There is no recipe"):
        load_recipe(name)


def test_files_go_to_the_first_shelf_that_fits() -> None:
    recipe = load_recipe("base")
    names = ("modern2-written-0", "modern", "spoken-0", "gutenberg-1")
    assert [recipe.shelf_of(name) for name in names] == [0, 1, 2, 3]


def test_the_group_divides_every_matrix(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text("[shape]\nhidden_size = 96\nintermediate_size = 192\n[package]\ngroup = 64\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"package\.group must divide.*64 does not divide 96"):
        load_recipe(str(path))


def test_a_byte_order_mark_and_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('name = "own"\n', encoding="utf-8-sig")
    assert load_recipe(str(path)).name == "own"
    path.write_text('name = "own"\n', encoding="utf-16")
    with pytest.raises(InputError, match="cannot be read as UTF-8 text"):
        load_recipe(str(path))
