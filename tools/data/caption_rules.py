"""What can be said about a photo for sure, read out of its captions by rules.

Every rule would rather say nothing than something wrong: several captions have to agree, and none
may contradict. Captions are sentences as prepare_panda_mini.clean_caption makes them.
"""
import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from caption_things import SOMEBODY, THINGS, Thing, compounds_taken_out, is_absent, names, words_of
from caption_words import (ADJECTIVES, ALONE, BODY_COLOURED, COLOURS, GARMENTS, GERUNDS, MARKINGS,
                           NEAR_COLOURS, NUMBERS, OBJECTS_WITH_COLOUR, PLACES, PLURAL_PEOPLE)

COUNTED = ("dog", "horse", "cat", "bird", "cow", "man", "woman", "boy", "girl", "child", "person")
MAX_COUNT = 3
MAX_ACTION_WORDS = 12
_INDEFINITE = {"a", "an", "one", "another", "lone", "single"}
_DETERMINERS = _INDEFINITE | {"the", "this", "that", "his", "her", "its", "their", "each", "some",
                              "these", "those", "both", "several", "many", "few"}
_TOKEN = re.compile(r"[A-Za-z]+(?:'s)?(?:-[A-Za-z]+)*'?|[^\sA-Za-z]+")


@dataclass(frozen=True)
class Mention:
    """A noun in a caption with what stands before it."""
    at: int                            # of the noun, in tokens
    begin: int                         # of its phrase
    is_plural: bool
    number: int | None                 # said or, of a noun in the singular, 1
    is_indefinite: bool                # "a dog", "another dog"; the others were there before
    colours: tuple[str, ...]           # in alphabetical order


def tokens_of(caption: str) -> list[str]:
    return _TOKEN.findall(caption)


@lru_cache(maxsize=64)
def _analysed(caption: str) -> tuple[list[str], frozenset[int]]:
    """The tokens in lower case, and where one only describes the next ("dog" in "dog toy")."""
    lower = [token.lower() for token in tokens_of(caption)]
    return lower, frozenset(at for at in range(len(lower) - 1)
                            if len(compounds_taken_out(lower[at:at + 2])) < 2)


def _phrase_begin(lower: list[str], at: int) -> int:
    """Goes back from a noun over what describes it, its determiner or number included."""
    begin = at
    while begin > 0:
        word = lower[begin - 1]
        joins = word in ("and", ",") and 2 <= begin < at and _describes(lower[begin - 2])
        if word in _DETERMINERS or word in NUMBERS:
            return begin - 1
        if not (_describes(word) or joins):
            break
        begin -= 1
    return begin


def _describes(word: str) -> bool:
    return word in COLOURS or word in ADJECTIVES or "-and-" in word


def _colours(words: list[str]) -> tuple[str, ...]:
    found = {COLOURS[part] for word in words for part in word.split("-") if part in COLOURS}
    return tuple(sorted(found))


def mentions(caption: str, one: frozenset[str], many: frozenset[str]) -> list[Mention]:
    """Where a caption has one of the nouns; one that only describes the next word is left out."""
    lower, describing = _analysed(caption)
    found = []
    for at, word in enumerate(lower):
        if word not in one and word not in many or at in describing:
            continue
        if at + 1 < len(lower) and lower[at + 1] in one | many:
            continue
        begin = _phrase_begin(lower, at)
        before = lower[begin:at]
        first = before[0] if before else ""
        is_plural = word in many
        number = NUMBERS.get(first) if is_plural else 1
        found.append(Mention(at, begin, is_plural, number,
                             first in _INDEFINITE or first not in _DETERMINERS, _colours(before)))
    return found


def _thing_mentions(caption: str, thing: Thing) -> list[Mention]:
    return mentions(caption, thing.one, thing.many)


def _count_in(caption: str, thing: Thing) -> int | None | str:
    """How many a caption speaks of: a number, None for "several", "" if it doesn't speak of it."""
    found = _thing_mentions(caption, thing)
    if not found:
        return ""
    plural = [mention for mention in found if mention.is_plural]
    if len(plural) > 1:
        return None
    if plural:
        others = [m for m in found if not m.is_plural and m.is_indefinite]
        return None if others else plural[0].number
    return max(1, sum(mention.is_indefinite for mention in found))


def count_of(captions: list[str], thing: Thing) -> int | None:
    """How many of the thing are in the photo, 1 to 3; None if the captions don't say so for sure.

    Two captions have to say a number above one, three have to speak of a single one, and no other
    caption may say another number or, of a single one, "dogs".
    """
    counts = [_count_in(caption, thing) for caption in captions]
    said = Counter(count for count in counts if count != "")
    numbers = {count for count in said if count is not None}
    if len(numbers) != 1:
        return None
    number = numbers.pop()
    if number > MAX_COUNT or said[number] < (3 if number == 1 else 2):
        return None
    if number == 1 and None in said:
        return None
    if thing.kind == "person" and not _is_people_count(captions, thing, number):
        return None
    words = {word for caption in captions for word in words_of(caption)}
    if thing.kind == "animal" and number == 1 and words & {"other", "others", "another", "pair",
                                                           "group", "pack", "each"}:
        return None
    return number


def _is_people_count(captions: list[str], thing: Thing, number: int) -> bool:
    """Whether what the captions say of people in general goes with a number of them."""
    words = {word for caption in captions for word in words_of(caption)}
    if words & PLURAL_PEOPLE["uncounted"]:
        return False
    if number == 1 and words & (PLURAL_PEOPLE["several"] | THINGS["person"].many):
        return False
    if thing.name == "person" and words & (set(SOMEBODY.split()) - THINGS["person"].words()
                                           - PLURAL_PEOPLE["harmless"]):
        return False
    totals = [mention.number for caption in captions
              for mention in _thing_mentions(caption, THINGS["person"]) if mention.is_plural]
    return all(total is None or total == number for total in totals)


def colour_of(captions: list[str], one: frozenset[str], many: frozenset[str],
              min_votes: int = 2) -> str | None:
    """The colour of the only such thing in the photo, as "black and white"; None if unsure.

    `min_votes` captions have to say it; the fewer others may only say a part of it, more than it,
    or a colour close to it, and none may speak of two things.
    """
    said: Counter = Counter()
    for caption in captions:
        found = mentions(caption, one, many)
        if any(mention.is_plural for mention in found) or sum(
                mention.is_indefinite for mention in found) > 1:
            return None
        coloured = {mention.colours for mention in found if mention.colours}
        if len(coloured) > 1 or _has_markings(caption, found):
            return None
        said.update(coloured)
    if not said:
        return None
    (colour, votes), *others = said.most_common()
    if votes < min_votes or sum(count for _, count in others) >= votes or not all(
            _is_near(colour, other) for other, _ in others):
        return None
    return " and ".join(colour)


def _is_near(colour: tuple[str, ...], other: tuple[str, ...]) -> bool:
    both = set(colour), set(other)
    return both[0] < both[1] or both[1] < both[0] or any(
        both[0] | both[1] <= family for family in NEAR_COLOURS)


def _has_markings(caption: str, found: list[Mention]) -> bool:
    """"a white dog with brown spots" is not just white; a red collar changes nothing."""
    lower, _ = _analysed(caption)
    for mention in found:
        following = lower[mention.at + 1:mention.at + 2]
        behind = lower[mention.at + 2:mention.at + 7]
        marks = [i for i, word in enumerate(behind) if word in MARKINGS]
        if following == ["with"] and marks and any(word in COLOURS for word in behind[:marks[0]]):
            return True
        if following in ([","], ["and"]) and any(word in COLOURS for word in behind[:2]):
            return True
    return False


def colours(captions: list[str]) -> dict[str, str]:
    """Thing or garment -> its colour, e.g. {"dog": "brown", "shirt": "red"}.

    Of a garment one caption more has to say it unless they speak of one person only.
    """
    found = {}
    for name in BODY_COLOURED:
        if colour := colour_of(captions, THINGS[name].one, THINGS[name].many):
            found[name] = colour
    for name, (one, many) in OBJECTS_WITH_COLOUR.items():
        if colour := colour_of(captions, one, many):
            found[name] = colour
    votes = 2 if is_single_person(captions) else 3
    for name, (one, many) in GARMENTS.items():
        if colour := colour_of(captions, one, many, votes):
            found[name] = colour
    return found


def is_single_person(captions: list[str]) -> bool:
    words = {word for caption in captions for word in words_of(caption)}
    if words & (PLURAL_PEOPLE["uncounted"] | PLURAL_PEOPLE["several"] | THINGS["person"].many):
        return False
    counts = [_count_in(caption, THINGS["person"]) for caption in captions]
    return all(count in (1, "") for count in counts) and 1 in counts


@dataclass(frozen=True)
class Clause:
    """What a caption says of its subject."""
    thing: str                         # the name of a Thing
    noun: str                          # the caption's own word
    subject: str                       # "a brown dog"
    is_plural: bool
    action: str                        # "running through the water"


# From the narrowest to the widest, so that "boy" isn't read as a person.
_SUBJECTS = tuple(THINGS[name] for name in (
    "dog", "cat", "horse", "bird", "cow", "sheep", "monkey", "elephant", "baby", "boy", "girl",
    "man", "woman", "child", "person"))
_LIVING = frozenset().union(*(thing.words() for thing in _SUBJECTS))
_CUT_AT = {",", ".", "while", "as", "who", "that", "which", ";", ":", "because", "when", "where",
           "!", "?", '"', "(", ")"}
_GERUND_STARTS = {"a", "an", "the", "his", "her", "its", "on", "in", "at", "down", "through",
                  "over", "up", "with", "along", "into", "across", "around", "toward", "towards",
                  "and", "for", "to", "off", "from", "out", "next", "outside", "by", "near", "."}
_NOT_ACTIONS = {"wearing", "being", "having", "including", "looking", "showing", "resembling",
                "containing", "consisting", "seeming", "appearing"}
# No clause ends with these.
_DANGLING = _DETERMINERS | {"and", "or", "but", "with", "to", "for", "of", "from", "into", "at",
                            "in", "on", "by", "near", "very"} - {"this", "that"}
_BEFORE_NOUN = {"of", "on", "in", "with", "for", "and", "to", "down", "up", "over", "at", "into",
                "through", "his", "her", "water", "skateboard", "swimming", "each"}
# Adjectives of our list that are nouns as well.
_NOUNS_TOO = {"beach", "mountain", "swim", "race", "toy", "tennis", "soccer", "golf",
              "open", "other", "city", "public", "adult", "teen", "sports", "football",
              "basketball", "baseball", "wild", "dark", "blonde",
              "male", "female", "rugby", "hockey"}
_VERB_OF = {form: gerund for gerund, forms in GERUNDS.items() for form in forms}


def clause_of(caption: str) -> Clause | None:
    """The caption as subject and action, if it begins in a form that the rules know."""
    tokens = tokens_of(caption)
    lower = [token.lower() for token in tokens]
    at = next((i for i, word in enumerate(lower[:7]) if word in _LIVING), None)
    if at is None or _phrase_begin(lower, at) != 0 or lower[0] in ("his", "her", "its", "their"):
        return None
    thing = next(t for t in _SUBJECTS if lower[at] in t.words())
    is_plural = lower[at] in thing.many
    verb_at = _verb_at(lower, at + 1, is_plural)
    if verb_at is None:
        return None
    gerund = lower[verb_at] if lower[verb_at].endswith("ing") else _VERB_OF[lower[verb_at]]
    rest = _rest_of(tokens, verb_at + 1)
    if (gerund in _NOT_ACTIONS or len(rest) >= MAX_ACTION_WORDS or _has_verb(rest)
            or not rest and gerund not in ALONE or _is_cut_off(rest)):
        return None
    return Clause(thing.name, lower[at], _subject(lower[:at + 1], is_plural), is_plural,
                  " ".join([gerund, *rest]))


def _is_cut_off(words: list[str]) -> bool:
    """"in a fenced" of "in a fenced, muddy area", "through brown" of "through brown, leafy .."."""
    if len(words) < 2:
        return False
    if words[-1].lower() in COLOURS and words[-2].lower() not in ("in", "wearing"):
        return True
    return (_describes(words[-1].lower()) and words[-1].lower() not in _NOUNS_TOO
            and words[-2].lower() in _DETERMINERS)


def _has_verb(words: list[str]) -> bool:
    """Whether another finite verb follows: "hanging out runs through .." was read wrongly."""
    lower = [word.lower() for word in words]
    return any(word in _VERB_OF and following in _GERUND_STARTS
               and not (_describes(before) or before in _DETERMINERS or before in _BEFORE_NOUN)
               for before, word, following in zip(lower, lower[1:], [*lower[2:], "."]))


def _subject(words: list[str], is_plural: bool) -> str:
    if words[0] in _DETERMINERS - {"the", "this", "that", "these", "those"} or words[0] in NUMBERS:
        return _joined(words)
    words = words[1:] if words[0] in _DETERMINERS else words
    if is_plural:
        return _joined(words)
    return ("an " if words[0][0] in "aeiou" else "a ") + _joined(words)


def _joined(words: list[str]) -> str:
    return " ".join(words).replace(" ,", ",")


def _verb_at(lower: list[str], start: int, is_plural: bool) -> int | None:
    """Where the verb of the subject before `start` is; what the subject wears may lie between."""
    if start >= len(lower):
        return None
    be = "are" if is_plural else "is"
    end = start + 1
    if lower[start] in ("in", "wearing", "with", "dressed"):
        end = min(len(lower), start + 9)
    for at in range(start, min(end, len(lower))):
        word, following = lower[at], lower[at + 1] if at + 1 < len(lower) else "."
        if word in _CUT_AT or word in _LIVING or word in {"is", "are"} - {be}:
            return None
        if word == be:
            is_verb = following.endswith("ing") and following in GERUNDS
            return at + 1 if is_verb else None
        if word in GERUNDS and (at == start or following in _GERUND_STARTS):
            return at
        # a noun in the plural looks like a verb: only right behind the subject
        if at == start and word in _VERB_OF and word.endswith("s") != is_plural:
            return at
    return None


def _rest_of(tokens: list[str], start: int) -> list[str]:
    """What follows a verb, up to where another clause begins."""
    rest: list[str] = []
    for at in range(start, len(tokens)):
        word = tokens[at].lower()
        following = tokens[at + 1].lower() if at + 1 < len(tokens) else "."
        starts_clause = word in ("and", "or", "but") and (
            following in _VERB_OF or following in GERUNDS or following in ("is", "are", "has")
            or _is_new_subject([token.lower() for token in tokens[at + 1:at + 6]]))
        if word in _CUT_AT or starts_clause or word in ("is", "are", "has", "have"):
            break
        rest.append(tokens[at])
    while rest and rest[-1].lower() in _DANGLING:
        rest.pop()
    return rest


def _is_new_subject(following: list[str]) -> bool:
    """Whether "and" is followed by another subject with a verb of its own."""
    for word, behind in zip(following, [*following[1:], ""]):
        if word in _LIVING:
            return behind in _VERB_OF or behind in GERUNDS or behind in ("is", "are")
    return False


def clauses_of(captions: list[str]) -> list[Clause]:
    """Clauses about the one subject that most of the clauses are about."""
    found = [clause for clause in map(clause_of, captions) if clause is not None]
    if not found:
        return []
    (thing, is_plural), _ = Counter((c.thing, c.is_plural) for c in found).most_common(1)[0]
    chosen = THINGS[thing]
    for caption in captions:
        for mention in _thing_mentions(caption, chosen):
            if mention.is_plural != is_plural:
                return []
        if not is_plural and _count_in(caption, chosen) not in (1, ""):
            return []
    return [c for c in found if (c.thing, c.is_plural) == (thing, is_plural)]


def place_of(captions: list[str]) -> str | None:
    """Where it is, as "in the snow", if two captions say so."""
    said = Counter()
    for caption in captions:
        lower = [token.lower() for token in tokens_of(caption)]
        for phrase, (prepositions, nouns) in PLACES.items():
            if any(word in nouns and _is_place(lower, at, prepositions)
                   for at, word in enumerate(lower)):
                said[phrase] += 1
    if not said:
        return None
    (phrase, votes), *others = said.most_common(2)
    return phrase if votes >= 2 and (not others or others[0][1] < votes) else None


def _is_place(lower: list[str], at: int, prepositions: frozenset[str]) -> bool:
    """Whether a noun has one of the prepositions before it and ends its phrase."""
    following = lower[at + 1] if at + 1 < len(lower) else "."
    if following not in {".", ",", "and", "with", "while", "near", "by", "as", "to", "in", "on",
                         "at", "behind", "next", "during", "after", "holding", "wearing",
                         "carrying", "under", "toward", "towards", "playing"}:
        return False
    begin = at
    while begin > 0 and at - begin < 4 and (
            _describes(lower[begin - 1]) or lower[begin - 1] in _DETERMINERS):
        begin -= 1
    return begin > 0 and lower[begin - 1] in prepositions


# Verbs as well as nouns: only with a determiner they are surely a thing.
_NOUN_OR_VERB = {"slide", "swing"}


def _is_named(caption: str, name: str) -> bool:
    if name not in _NOUN_OR_VERB:
        return names(caption, THINGS[name])
    lower = _analysed(caption)[0]
    return any(lower[mention.begin] in _DETERMINERS
               for mention in _thing_mentions(caption, THINGS[name]))


def present_things(captions: list[str]) -> list[str]:
    """Things that at least two captions name."""
    return [name for name in THINGS
            if sum(_is_named(caption, name) for caption in captions) >= 2]


def absent_things(captions: list[str]) -> list[str]:
    """Things that would have been named and aren't, by any word."""
    return [name for name, thing in THINGS.items()
            if thing.is_noticed and is_absent(captions, thing)]
