from penname.tune.proposers import DEFAULT, JUDGED, PRUNED, SEARCH, Record
from penname.tune.standing import afterwards, find_standing, headline, likelier

FORGOT = "forgetting_bits_per_byte: 0.078, over by 0.048 (at most 0.03)"


def judged(number: int, bits: float, objective: float, *verdict: str) -> Record:
    group = DEFAULT if number < 3 else SEARCH
    return Record(number, group, 1, JUDGED, {}, objective, figures={"exact_bits_per_byte": bits}, verdict=verdict)


NOISE = [judged(0, 1.28, 1.28), judged(1, 1.29, 1.29), judged(2, 1.30, 1.30)]


def test_the_headline_says_what_was_tried_and_how_much_another_seed_does() -> None:
    records = [*NOISE, judged(3, 1.24, 1.40, FORGOT), Record(4, SEARCH, 1, PRUNED, {})]
    said = headline(records, find_standing(records))
    assert (
        "2 settings were tried (1 stopped early), the best has an objective of 1.4000, the default has 1.2900" in said
    )
    assert "up to 0.0337 better. Tuning is not the problem." in said
    assert afterwards([said, "Data: few."])[1:] == ["Data: few."] and afterwards([]) == []
    assert said not in afterwards([said])


def test_a_gain_that_constraints_take_back_is_named() -> None:
    found = likelier([*NOISE, judged(3, 1.24, 1.40, FORGOT), judged(4, 1.27, 1.35)], 300_000_000, 4.0)
    (told,) = [text for text in found if text.startswith("Constraints")]
    assert "trial 3" in told and "0.050" in told and "0.160" in told and FORGOT in told and "good.toml" in told


def test_constraints_are_no_cause_where_nothing_predicts_better_or_nothing_is_lost() -> None:
    for record in (judged(3, 1.285, 1.40, FORGOT), judged(3, 1.24, 1.31, "rep_4: 0.01, met (at most 0.02)")):
        assert not [text for text in likelier([*NOISE, record], 300_000_000, 4.0) if text.startswith("Constraints")]
