"""A post of the blog that the model reads before it writes: an example in context (Brown et al. 2020).

    examples = Examples(tokenizer, [("On bread", "My grandmother..."), ...], end=0)
    ids = examples.before("On cake", seed=7)

In: posts, a prompt. Out: ids to read before it. While training, the posts of the blog stand one behind another, and
text of the base never stands among them: behind a post of the blog another one comes. The post whose title shares the
rarest words with the prompt is taken, and of it the beginning; it shows how such a post opens, too.
"""

import math
import random
import re
from collections import Counter
from collections.abc import Sequence

from tokenizers import Tokenizer

from penname.corpus.tokenizer import encode_plain

_WORDS, _LEAST = 150, 50
"""Words of an example, and of a post that serves as one where there are others."""
_WORD = re.compile(r"\w+")
_SENTENCE_ENDS = re.compile(r"[.!?…][\"'”’)]*(?=\s)|\n")


class Examples:
    """The posts that may be shown, by their titles."""

    def __init__(self, tokenizer: "Tokenizer", posts: Sequence[tuple[str, str]], end: int) -> None:
        self.tokenizer, self.end = tokenizer, end
        self.posts = [post for post in posts if len(post[1].split()) >= _LEAST] or list(posts)
        self.words = [_words(title) for title, _ in self.posts]
        self.spread = Counter(word for words in self.words for word in words)

    def before(self, prompt: str, seed: int | str = 0) -> list[int]:
        """The ids of an example for `prompt`, an end of text before them; none where there is no post.

        Its first line is compared with titles; a post of the same title is passed over, which would be written again.
        Among posts that are as near the seed decides.
        """
        if not self.posts:
            return []
        asked = _words(prompt.partition("\n")[0])
        others = [number for number, words in enumerate(self.words) if words != asked]
        near = {number: self._nearness(asked & self.words[number]) for number in others or range(len(self.posts))}
        highest = max(near.values())
        best = [number for number, value in near.items() if value == highest]
        title, text = self.posts[random.Random(f"{seed}:{prompt}").choice(best)]
        text = beginning(text)
        return [self.end, *encode_plain(self.tokenizer, f"{title}\n\n{text}" if title else text)]

    def _nearness(self, shared: set[str]) -> float:
        """The sum of the words' inverse document frequencies."""
        return math.fsum(math.log(1 + len(self.posts) / self.spread[word]) for word in sorted(shared))


def beginning(text: str, words: int = _WORDS) -> str:
    """The first `words` words of a text, up to the last end of a sentence or line in their second half."""
    ends = [match.end() for match in re.finditer(r"\S+", text)]
    if len(ends) <= words:
        return text
    cut = text[: ends[words - 1]]
    stops = [match.end() for match in _SENTENCE_ENDS.finditer(cut) if match.end() > len(cut) // 2]
    return cut[: stops[-1]].rstrip() if stops else cut


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.casefold()))
