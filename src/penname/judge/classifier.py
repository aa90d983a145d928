"""Can a classifier tell generated passages from real ones? 0.5: it cannot; 1.0: always.

In: real and generated passages with the post each belongs to. Out: the area under the ROC curve,
cross-validated by post, with a confidence interval.

    auc = real_vs_generated(real, generated)
    print(auc.value, auc.low, auc.high)

Features are character 3- to 5-grams, hashed, log counts times inverse document frequency, each passage
scaled to length 1, as is usual in authorship attribution (Stamatatos 2013). The classifier is logistic
regression with an L2 penalty. There are far fewer passages than features, so its dual form is solved,
exactly, by Newton's method.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from penname.corpus.words import Passage

Floats = npt.NDArray[np.float64]

_BITS = 15
_PENALTY = 10.0
"""Inverse strength of the L2 penalty (scikit-learn's `C`), for rows of length 1."""


@dataclass(frozen=True)
class Auc:
    """Area under the ROC curve, 95% interval over posts; `passages` of the rarer kind, `posts` in all."""

    value: float
    low: float
    high: float
    passages: int
    posts: int


def real_vs_generated(
    real: Sequence[Passage], generated: Sequence[Passage], folds: int = 5, repeats: int = 3, seed: int = 0
) -> Auc | None:
    """Cross-validate the classifier by post: no post is in training and test at once.

    A generated passage belongs to the post whose opening prompted it. Pairs are compared within a fold only,
    so that folds need not be calibrated alike. Cut all passages to the same length, by the same function.
    None where either kind comes from fewer than two posts.
    """
    posts = np.array([passage.post for passage in (*real, *generated)])
    made = np.arange(len(posts)) >= len(real)
    if len(set(posts[made].tolist())) < 2 or len(set(posts[~made].tolist())) < 2:
        return None
    kernel = gram([passage.text for passage in (*real, *generated)])
    names, numbers = np.unique(posts, return_inverse=True)
    wins = np.zeros((len(names), len(names)))
    pairs = np.zeros_like(wins)
    random = np.random.default_rng(seed)
    for _ in range(repeats):
        fold = _folds(numbers, made, folds, random)
        for number in range(folds):
            _compare(kernel, made, numbers, fold == number, wins, pairs)
    if not pairs.any():
        return None
    low, high = _interval(wins, pairs, random)
    return Auc(float(wins.sum() / pairs.sum()), low, high, min(len(real), len(generated)), len(names))


def gram(texts: Sequence[str]) -> Floats:
    """Cosine similarities of `texts` (n, n) over hashed character 3- to 5-grams, log counts times idf."""

    features = np.zeros((len(texts), 1 << _BITS), np.float32)
    spread = np.zeros(1 << _BITS, np.int64)
    for row, text in enumerate(texts):
        counts = np.bincount(hashed_ngrams(text), minlength=1 << _BITS)
        found = np.flatnonzero(counts)
        features[row, found] = np.log1p(counts[found])
        spread[found] += 1
    features *= (np.log((1 + len(texts)) / (1 + spread)) + 1).astype(np.float32)
    table = torch.from_numpy(features)
    products = (table @ table.T).numpy().astype(np.float64)
    # Each row is scaled to length 1 here, in its products: that is n numbers, and not n times the features.
    lengths = np.sqrt(np.maximum(np.diag(products), 1e-24))
    return np.asarray(products / np.outer(lengths, lengths))


def hashed_ngrams(text: str) -> npt.NDArray[np.int64]:
    """The buckets (0 to 2**15) of all character 3-, 4- and 5-grams of `text`; runs of blanks count as one."""
    text = " ".join(text.split(" "))
    code = np.frombuffer(text.encode("utf-32-le", errors="replace"), np.uint32).astype(np.uint64)
    found = []
    for size in (3, 4, 5):
        value = np.full(max(0, len(code) - size + 1), size, np.uint64)
        for place in range(size):
            value = value * np.uint64(0x9E3779B97F4A7C15) + code[place : place + len(value)]
            value ^= value >> np.uint64(29)
        value *= np.uint64(0xBF58476D1CE4E5B9)
        found.append((value >> np.uint64(64 - _BITS)).astype(np.int64))
    return np.concatenate(found)


def fit_logistic(kernel: Floats, made: npt.NDArray[np.bool_], penalty: float = _PENALTY) -> tuple[Floats, float]:
    """Logistic regression on a kernel matrix: dual weights (n,) and intercept b.

    Scores are `kernel @ weights + b`. Minimises `penalty * sum(log loss) + weights @ kernel @ weights / 2`
    with a free intercept, as scikit-learn does, by Newton's method (reweighted least squares), halving steps
    that do not help.
    """
    size = len(kernel)
    target = made.astype(float)
    solution = np.zeros(size + 1)
    loss = _loss(kernel, target, solution, penalty)
    for _ in range(100):
        score = kernel @ solution[:size] + solution[size]
        probability = 1 / (1 + np.exp(-np.clip(score, -30, 30)))
        weight = np.maximum(probability * (1 - probability), 1e-9)
        system = np.ones((size + 1, size + 1))
        system[:size, :size] = kernel + np.diag(1 / (penalty * weight))
        system[size, size] = 0
        wanted = _solve(system, np.append(score + (target - probability) / weight, 0.0))
        step = 1.0
        while step > 1e-6:
            trial = solution + step * (wanted - solution)
            trial_loss = _loss(kernel, target, trial, penalty)
            if trial_loss <= loss:
                break
            step /= 2
        else:
            break
        done = loss - trial_loss < 1e-9 * max(1.0, loss)
        solution, loss = trial, trial_loss
        if done:
            break
    return solution[:size], float(solution[size])


def area_under_curve(real: Floats, generated: Floats) -> float:
    """The share of pairs in which the generated one scores higher; ties count half."""
    return float(_concordance(real, generated).mean())


def _solve(system: Floats, wanted: Floats) -> Floats:
    """Solve a small system on one thread: where others are at work, threads that wait for each other took 15 times
    as long."""

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        found: Floats = torch.linalg.solve(torch.from_numpy(system), torch.from_numpy(wanted)).numpy()
    finally:
        torch.set_num_threads(threads)
    return found


def _loss(kernel: Floats, target: Floats, solution: Floats, penalty: float) -> float:
    weights, intercept = solution[:-1], solution[-1]
    inner = kernel @ weights
    score = inner + intercept
    return float(penalty * np.sum(np.logaddexp(0, score) - target * score) + weights @ inner / 2)


def _folds(
    numbers: npt.NDArray[np.int64], made: npt.NDArray[np.bool_], folds: int, random: np.random.Generator
) -> npt.NDArray[np.int64]:
    """The fold of each passage: posts in random order, each where passages of its kinds are fewest."""
    sizes = np.stack(
        [
            np.bincount(numbers[~made], minlength=numbers.max() + 1),
            np.bincount(numbers[made], minlength=numbers.max() + 1),
        ]
    )
    filled = np.zeros((2, folds))
    where = np.zeros(sizes.shape[1], np.int64)
    for post in random.permutation(sizes.shape[1]):
        kinds = sizes[:, post] > 0
        where[post] = int(np.argmin(filled[kinds].sum(axis=0)))
        filled[:, where[post]] += sizes[:, post]
    return where[numbers]


def _compare(
    kernel: Floats,
    made: npt.NDArray[np.bool_],
    numbers: npt.NDArray[np.int64],
    test: npt.NDArray[np.bool_],
    wins: Floats,
    pairs: Floats,
) -> None:
    """Train outside the fold, score inside it, add its pairs to the tables (real post, generated post)."""
    train = ~test
    real, generated = np.flatnonzero(test & ~made), np.flatnonzero(test & made)
    if not len(real) or not len(generated) or made[train].all() or not made[train].any():
        return
    weights, _ = fit_logistic(kernel[np.ix_(train, train)], made[train])
    score = kernel[:, train] @ weights
    place = np.ix_(numbers[real], numbers[generated])
    won = _concordance(score[real], score[generated])
    rows, columns = np.broadcast_arrays(*place)
    np.add.at(wins, (rows, columns), won)
    np.add.at(pairs, (rows, columns), 1.0)


def _concordance(real: Floats, generated: Floats) -> Floats:
    ahead = generated[None, :] - real[:, None]
    return (np.sign(ahead) + 1) / 2


def _interval(wins: Floats, pairs: Floats, random: np.random.Generator, draws: int = 1000) -> tuple[float, float]:
    """The middle 95% of the areas when posts are drawn again, with replacement."""
    size = len(wins)
    weight = random.multinomial(size, np.full(size, 1 / size), size=draws).astype(float)
    total = np.einsum("di,ij,dj->d", weight, pairs, weight, optimize=True)
    won = np.einsum("di,ij,dj->d", weight, wins, weight, optimize=True)
    areas = won[total > 0] / total[total > 0]
    return float(np.quantile(areas, 0.025)), float(np.quantile(areas, 0.975))
