"""The judge of a workspace: every file, what is kept, what is refused."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from judged_blog import Judged

from penname.core import events
from penname.core.errors import InputError
from penname.corpus.masked import Masked
from penname.judge import fit, judging, passages, recital
from penname.judge.figures import MEANINGS
from penname.judge.judging import judge_workspace, make_subject, read_rows
from penname.judge.passages import Written
from penname.model.base import load_base
from penname.model.folder import save_model


def test_everything_is_measured_and_written(judged: Judged) -> None:
    folder, figures = judged.workspace.folder, judged.report.figures
    assert figures == json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert list(figures) == list(MEANINGS)
    assert figures["test_bits_per_byte"] < 0.8 * figures["base_test_bits_per_byte"]
    assert figures["test_bits_per_byte_low"] <= figures["test_bits_per_byte"] <= figures["test_bits_per_byte_high"]
    assert figures["ngram_test_bits_per_byte"] < 3 and figures["xz_test_bits_per_byte"] < 3
    assert figures["forgetting_bits_per_byte"] > 0, "the base's own sentences must have become harder"
    assert 0 <= figures["known_word_rate"] <= 1 and 0 <= figures["rep_4"] <= 1
    assert figures["longest_copied_run"] <= judged.options.max_copy
    assert figures["extraction_tried"] == figures["training_posts"] == 11
    assert figures["seconds"] > 12.5
    assert figures["validation_bits_per_byte"] is None
    assert len(judged.report.samples) == 6 and all(isinstance(each, Written) for each in judged.report.samples)
    assert {check.limit.name for check in judged.report.checks} >= {"rep_4", "extraction_rate"}
    assert judged.report.verdict[0] and all(any(c.isdigit() for c in text) for text in judged.report.verdict[1:])


def test_the_row_names_blog_model_seed_and_settings(judged: Judged) -> None:
    (row,) = read_rows(judged.workspace.results)
    assert json.loads(row["settings"]) == {"steps": 50}
    assert row["seed"] == "3" and row["label"] == "judge" and row["blog"] == "owl"
    assert float(row["test_bits_per_byte"]) == judged.report.figures["test_bits_per_byte"]
    assert len(row["blog_hash"]) == len(row["model_hash"]) == 12


def test_nothing_is_done_again_when_nothing_has_changed(owl: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    forbid(monkeypatch)
    before = (owl.workspace.folder / "report.html").read_bytes()
    report = judge_workspace(owl.workspace, replace(owl.options, base=owl.base))
    assert not report.new
    assert report.figures == owl.report.figures and report.samples == owl.report.samples
    assert (owl.workspace.folder / "report.html").read_bytes() == before
    assert len(read_rows(owl.workspace.results)) == 1


def test_again_writes_a_row_from_kept_parts(owl: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts that cost time are kept: drawing the page anew needs no network."""
    forbid(monkeypatch)
    report = judge_workspace(owl.workspace, replace(owl.options, again=True, label="second"))
    assert report.new
    first, second = read_rows(owl.workspace.results)
    assert second["label"] == "second"
    assert first["test_bits_per_byte"] == second["test_bits_per_byte"]
    assert first["rep_4"] == second["rep_4"] and first["real_vs_generated_auc"] == second["real_vs_generated_auc"]


@pytest.mark.slow
def test_a_changed_model_is_judged_again_but_not_its_base(owl: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    from safetensors.torch import load_file, save_file

    path = owl.workspace.model / "model.safetensors"
    weights = {name: weight.clone() for name, weight in load_file(path).items()}
    weights["model.norm.weight"] *= 1.1
    save_file(weights, path, metadata={"format": "pt"})
    scored: list[int] = []
    real = fit.score_texts

    def score(model: Any, tokenizer: Any, texts: Any, device: Any, **named: Any) -> Any:
        scored.append(len(texts))
        return real(model, tokenizer, texts, device, **named)

    monkeypatch.setattr(fit, "score_texts", score)
    report = judge_workspace(owl.workspace, owl.options)
    assert report.new
    assert scored == [3, 12], "the test posts, and the general texts, under the new model alone"
    assert report.figures["base_test_bits_per_byte"] == owl.report.figures["base_test_bits_per_byte"]
    assert report.figures["test_bits_per_byte"] != owl.report.figures["test_bits_per_byte"]


@pytest.mark.slow
def test_a_judgement_that_was_stopped_goes_on_where_it_was(owl: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    again = replace(owl.options, passages=10)

    def stop(*_arguments: object, **_named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(recital, "extraction", stop)
        (owl.workspace.folder / "judge" / "extraction.json").unlink()
        with pytest.raises(KeyboardInterrupt):
            judge_workspace(owl.workspace, again)
    assert len(read_rows(owl.workspace.results)) == 1, "no row for what did not come to its end"
    monkeypatch.setattr(passages, "_write_both", stop)
    report = judge_workspace(owl.workspace, again)
    assert report.new and report.figures["passages"] == 10
    assert len(read_rows(owl.workspace.results)) == 2


def test_an_edited_target_is_kept_and_used(owl: Judged) -> None:
    target = owl.workspace.folder / "good.toml"
    text = target.read_text(encoding="utf-8").replace("extraction_rate = 0.01", "extraction_rate = 0.999")
    target.write_text(text, encoding="utf-8")
    report = judge_workspace(owl.workspace, owl.options)
    assert report.new, "the page shows the targets"
    assert target.read_text(encoding="utf-8") == text
    (check,) = [check for check in report.checks if check.limit.name == "extraction_rate"]
    assert check.met and check.limit.value == 0.999
    target.write_text("[at_most]\nrep4 = 1\n", encoding="utf-8")
    with pytest.raises(InputError, match="rep_4"):
        judge_workspace(owl.workspace, owl.options)


def test_a_model_from_scratch_has_no_base(owl: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "base_is_shipped", lambda *_folder: False)
    about = owl.workspace.read()
    owl.workspace.write(settings=about.get("settings", {}) | {"train": {"from_scratch": True, "base": None}})
    report = judge_workspace(owl.workspace, replace(owl.options, base=None))
    assert report.figures["base_test_bits_per_byte"] is None and report.figures["gain_percent"] is None
    assert report.figures["forgetting_bits_per_byte"] is None
    assert "from scratch" in report.page.read_text(encoding="utf-8")


def test_an_open_base_is_named_its_forgetting_measured_and_what_it_may_have_read_is_told(
    owl: Judged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's model brings no texts: those of the shipped base serve."""
    loaded = load_base(owl.base)
    save_model(tmp_path / "Ada-7", loaded.model, loaded.tokenizer, card="", generation={})
    shutil.copytree(owl.base, tmp_path / "shipped")
    monkeypatch.setattr(judging, "base_folder", lambda: tmp_path / "shipped")
    subject = make_subject(owl.workspace, replace(owl.options, base=tmp_path / "Ada-7"))
    assert (subject.base_name, subject.base_is_open) == ("Ada-7", True)
    assert not make_subject(owl.workspace, owl.options).base_is_open
    report = judge_workspace(owl.workspace, replace(owl.options, base=tmp_path / "Ada-7"))
    assert report.figures["base"] == "Ada-7" and report.figures["base_is_open"] is True
    assert report.figures["forgetting_bits_per_byte"] > 0
    page = report.page.read_text(encoding="utf-8")
    assert "the base is Ada-7; 3 other posts" in page
    assert "Ada-7 may have read this blog before" in page
    assert any("nobody knows whether Ada-7 had read this blog" in text for text in report.verdict)


def test_a_network_from_scratch_is_compared_where_there_is_one(owl: Judged) -> None:
    shutil.copytree(owl.workspace.model, owl.workspace.folder / "scratch")
    report = judge_workspace(owl.workspace, replace(owl.options, again=True))
    assert report.figures["scratch_test_bits_per_byte"] == report.figures["test_bits_per_byte"]


def test_the_validation_side_reads_no_test_post(owl: Judged) -> None:
    """A loop that tunes on validation posts must not see the test posts, not even as openings."""
    posts = json.loads(owl.workspace.text.read_text(encoding="utf-8"))
    for post in posts:
        if post["split"] == "test":
            post["text"] = "SECRET " * 200
    owl.workspace.text.write_text(json.dumps(posts), encoding="utf-8")
    subject = make_subject(owl.workspace, replace(owl.options, side="validation"))
    assert not any("SECRET" in post.text for post in (*subject.training, *subject.heldout, *subject.spare))
    assert len(subject.heldout) == 2 and not subject.spare


def test_without_test_posts_the_validation_posts_are_used(owl: Judged) -> None:
    change_posts(owl, lambda post: post["split"] != "test")
    heard: list[str] = []
    with events.listening(lambda event: heard.append(event.text) if event.kind == "warning" else None):
        subject = make_subject(owl.workspace, owl.options)
    assert subject.heldout == subject.spare and len(subject.heldout) == 2
    assert any("validation posts" in text for text in heard)


def test_what_cannot_be_judged_is_said(owl: Judged, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"passages must be at least 1.*words must be at least 20"):
        judge_workspace(owl.workspace, replace(owl.options, passages=0, words=3))
    with pytest.raises(InputError, match="side is test or validation"):
        judge_workspace(owl.workspace, replace(owl.options, side="train"))
    with pytest.raises(InputError, match="no longer there"):
        judge_workspace(owl.workspace, replace(owl.options, base=tmp_path / "gone"))
    change_posts(owl, lambda post: post["split"] == "train")
    with pytest.raises(InputError, match="held-out posts"):
        judge_workspace(owl.workspace, owl.options)
    change_posts(owl, lambda post: False)
    with pytest.raises(InputError, match="training posts"):
        judge_workspace(owl.workspace, owl.options)
    (owl.workspace.model / "config.json").unlink()
    with pytest.raises(InputError):
        judge_workspace(owl.workspace, owl.options)


def test_masked_items_are_looked_for(judged: Judged) -> None:
    subject = replace(
        make_subject(judged.workspace, judged.options), masked=Masked.of(("ann@example.org", "+44 20 7946 0958"), "s")
    )
    found = recital.measure_private(subject, ["Write to ann@example.org or call 020 7946 0958.", "Nothing here."])
    assert [leak.item for leak in found.leaks] == ["ann@example.org"]
    assert found.items == 2 and "ann@example.org" in found.looks_private and not found.in_posts


def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every use of a network fail."""

    def fail(*_arguments: object, **_named: object) -> None:
        raise AssertionError("a network was used")

    for place, name in ((fit, "score_texts"), (passages, "_write_both"), (recital, "extraction")):
        monkeypatch.setattr(place, name, fail)


def change_posts(owl: Judged, keep: Callable[[dict[str, Any]], bool]) -> None:
    posts = json.loads(owl.workspace.text.read_text(encoding="utf-8"))
    owl.workspace.text.write_text(json.dumps([post for post in posts if keep(post)]), encoding="utf-8")
