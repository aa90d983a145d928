"""Commands that take a model: write with it, judge it, score text by it, export it."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from penname.cli import arguments as given
from penname.cli.app import WithBase, app, model_meant, showing
from penname.core import events
from penname.core.errors import InputError
from penname.core.terminal import say

if TYPE_CHECKING:
    from penname.judge.blind import Item


@app.command(cls=WithBase)
def write(
    prompt: given.Prompt = None,
    workspace: given.WorkspaceFolder = None,
    model: given.ModelFolder = None,
    base: given.PlainBase = None,
    count: given.Count = 1,
    best_of: given.BestOf = None,
    title: given.Title = False,
    temperature: given.Temperature = None,
    top_k: given.TopK = None,
    top_p: given.TopP = None,
    min_p: given.MinP = None,
    word_min_p: given.WordMinP = None,
    repetition_penalty: given.RepetitionPenalty = None,
    sequence_penalty: given.SequencePenalty = None,
    word_balance: given.WordBalance = None,
    no_repeat_ngram: given.NoRepeat = None,
    max_tokens: given.MaxTokens = None,
    min_tokens: given.MinTokens = None,
    seed: given.Seed = None,
    max_copy: given.MaxCopy = 12,
    example: given.Example = True,
    stop: given.Stop = None,
    device: given.Device = "auto",
    precision: given.Precision = "auto",
    grounded: given.Grounded = False,
    wxr: given.DraftsFile = None,
    force: given.Force = False,
    as_json: given.AsJson = False,
) -> None:
    """Write drafts in the blog's voice."""
    from penname.core.terminal import print_json
    from penname.export.drafts import check_drafts, export_drafts, titled
    from penname.judge.best import rank_by_sense
    from penname.write.write import WriteOptions, printer, read_prompt
    from penname.write.write import write as write_drafts

    sampling = {
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "word_min_p": word_min_p,
        "repetition_penalty": repetition_penalty,
        "sequence_penalty": sequence_penalty,
        "word_balance": word_balance,
        "no_repeat_ngram": no_repeat_ngram,
        "max_tokens": max_tokens,
        "min_tokens": min_tokens,
        "seed": seed,
    }
    chosen = WriteOptions(
        workspace=workspace,
        model=model_meant(model, workspace, base) if base else model,
        drafts=count,
        title=title,
        sampling={name: value for name, value in sampling.items() if value is not None},
        max_copy=max_copy,
        example=example,
        stop=tuple(stop or ()),
        device=device,
        precision=precision,
        best_of=best_of,
    )
    with showing(moving=False):
        if wxr is not None:
            check_drafts(wxr, force)
        if grounded:
            from penname.ask.grounding import passages_for
            from penname.core.workspace import find_workspace

            chosen = replace(chosen, passages=passages_for(find_workspace(workspace), read_prompt(prompt)))
        written = write_drafts(read_prompt(prompt), chosen, None if as_json else printer(sys.stdout), rank_by_sense)
        if wxr is not None:
            export_drafts([titled(written.prompt, draft.text, title) for draft in written.drafts], wxr, force)
            events.note(f"Drafts in {wxr}: {len(written.drafts)}. Publii takes them as drafts (Tools, WP Importer).")
    if as_json:
        print_json(written.to_json())


@app.command()
def judge(
    workspace: given.WorkspaceFolder = None,
    quick: given.Quick = False,
    passages: given.Passages = 200,
    site: given.JudgedSite = None,
    base: given.BaseModel = None,
    max_copy: given.MaxCopy = 12,
    device: given.Device = "auto",
    seed: given.JudgeSeed = 0,
    again: given.Again = False,
    as_json: given.AsJson = False,
) -> None:
    """Measure what was learned and what was copied; write a report."""
    from penname.core.terminal import print_json
    from penname.core.workspace import find_workspace
    from penname.judge.judging import judge_workspace
    from penname.judge.subject import JudgeOptions
    from penname.tune.report import tuned_sections

    chosen = JudgeOptions(passages, 200, seed, device, quick, max_copy=max_copy, base=base, again=again)
    place = find_workspace(workspace)
    with showing(brief=True), place.at_work("penname judge"):
        if site is not None:
            events.note("--site is not needed any more: text.json holds digests of what was masked.")
        report = judge_workspace(place, chosen, tuned_sections(place))
    if as_json:
        print_json(report.figures)
    else:
        say("\n".join([*report.verdict, f"The report: {report.page}"]))


@app.command()
def blind(
    workspace: given.WorkspaceFolder = None,
    count: given.BlindCount = 20,
    page: given.BlindPage = None,
    answers: given.BlindAnswers = None,
    seed: given.JudgeSeed = 0,
) -> None:
    """Tell real passages from generated ones: the test that counts."""
    from penname.core.workspace import find_workspace
    from penname.judge.blind import blind_items, count_answers, save_blind, write_blind_page
    from penname.judge.judging import add_blind_row

    place = find_workspace(workspace)
    with showing(), place.at_work("penname blind"):
        items = blind_items(place, count, seed)
        if page is not None:
            write_blind_page(page, items, place.folder.stem)
            say(f"{page}: {len(items)} passages. Then: penname blind --count {count} --seed {seed} --answers r g ...")
            return
        found = count_answers(items, answers if answers is not None else ask_each(items))
        save_blind(place, found)
        add_blind_row(place, found)
    say(f"{found.sentence}\nThe next `penname judge` puts it into the report; results.csv has it.")


def ask_each(items: "Sequence[Item]") -> str:
    """Show each passage and take the answer: r or g; anything else is asked again."""
    given_answers = []
    for number, item in enumerate(items, 1):
        say(f"\n{number} of {len(items)}\n\n{item.opening}\n  |\n{item.text} [...]\n")
        answer = ""
        while answer not in ("r", "g"):
            answer = typer.prompt("Real or generated? (r/g)").strip().lower()[:1]
        given_answers.append(answer)
    return "".join(given_answers)


@app.command(cls=WithBase)
def score(
    files: given.Texts,
    model: given.ModelFolder = None,
    base: given.PlainBase = None,
    workspace: given.WorkspaceFolder = None,
    device: given.Device = "auto",
    as_json: given.AsJson = False,
) -> None:
    """Measure how well a model predicts text, in bits per byte."""
    from penname.core.device import pick_device
    from penname.core.terminal import print_json
    from penname.model.base import load_base
    from penname.model.score import score_files

    with showing():
        found = score_files(files, load_base(model_meant(model, workspace, base)), pick_device(device), show=True)
    if as_json:
        print_json(found)
        return
    rows = [*found["files"], {**found, "path": "all"}] if len(files) > 1 else found["files"]
    for row in rows:
        say(f"{row['bits_per_byte']:.4f} bits per byte  {row['bytes']:>12,} bytes  {row['path']}")


@app.command(cls=WithBase)
def export(
    form: given.Form,
    out: given.ExportPath,
    kind: given.GGUFKind = "q8_0",
    model: given.ModelFolder = None,
    base: given.PlainBase = None,
    workspace: given.WorkspaceFolder = None,
    force: given.Force = False,
) -> None:
    """Write a model as files that other programs run."""
    from penname.export.export import export_gguf, export_hf
    from penname.export.hosts import export_lmstudio, export_ollama
    from penname.model.base import load_base

    writers = {"gguf": export_gguf, "ollama": export_ollama, "lmstudio": export_lmstudio}
    if form != "hf" and form not in writers:
        raise InputError(f"Models are exported as hf, {', '.join(writers)}, not as {form!r}.")
    with showing():
        loaded = load_base(model_meant(model, workspace, base))
        written = export_hf(loaded, out, force) if form == "hf" else writers[form](loaded, out, kind, force)  # type: ignore[arg-type]
    say(str(written))
