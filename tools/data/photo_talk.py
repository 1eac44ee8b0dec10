"""Conversations about photos, from what caption_rules.py reads out of their captions."""
import random
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property

import caption_rules as rules
from caption_rules import Clause
from caption_things import THINGS, Thing
from caption_words import BODY_COLOURED, GARMENTS, PLURAL_NOUNS
from imagenet_names import article
from prepare_panda_mini import CAPTION_QUESTIONS

Turns = list[tuple[str, str]]  # questions and answers

PLURALS = {"man": "men", "woman": "women", "child": "children", "person": "people",
           "baby": "babies", "sheep": "sheep", "fish": "fish", "bus": "buses"}
NUMBER_WORDS = {1: "one", 2: "two", 3: "three"}
HUMAN_PRONOUNS = {"man": "he", "boy": "he", "woman": "she", "girl": "she"}
PHOTO_WORDS = ("picture", "photo", "image")


@dataclass
class Photo:
    """One photo; what its captions say is worked out when it is asked for."""
    image: str
    captions: list[str] = field(repr=False)

    @cached_property
    def counts(self) -> dict[str, int]:
        found = {name: rules.count_of(self.captions, THINGS[name]) for name in rules.COUNTED}
        return {name: count for name, count in found.items() if count is not None}

    @cached_property
    def colours(self) -> dict[str, str]:
        return rules.colours(self.captions)

    @cached_property
    def clauses(self) -> list[Clause]:
        return rules.clauses_of(self.captions)

    @cached_property
    def place(self) -> str | None:
        return rules.place_of(self.captions)

    @cached_property
    def present(self) -> list[str]:
        return rules.present_things(self.captions)

    @cached_property
    def absent(self) -> list[str]:
        return rules.absent_things(self.captions)


def sentence(text: str) -> str:
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")


def plural(name: str) -> str:
    return PLURALS.get(name, name + "s")


def a_thing(thing: Thing) -> str:
    return thing.name if thing.is_mass else article(thing.name) + thing.name


def pick(rng: random.Random, *choices: str) -> str:
    return rng.choice(choices)


def presence(photo: Photo, name: str, rng: random.Random) -> tuple[str, str]:
    """Whether there is such a thing."""
    thing, picture = THINGS[name], rng.choice(PHOTO_WORDS)
    what = a_thing(thing)
    question = pick(rng, f"Is there {what} in the {picture}?", f"Is there {what}?",
                    f"Do you see {what}?", f"Can you see {what} in the {picture}?",
                    f"Does the {picture} show {what}?", f"Is there {what} here?")
    if name in photo.present:
        count = photo.counts.get(name, 0)
        if count > 1:
            there = f"there are {NUMBER_WORDS[count]} {plural(name)}"
            return question, pick(rng, f"Yes, {there}.", f"Yes, {there}.", "Yes.")
        return question, pick(rng, f"Yes, there is {what}.", f"Yes, I see {what}.",
                              f"Yes, there is {what} in the {picture}.", "Yes.")
    no = f"No, there is no {name}"
    others = [other for other in photo.present if THINGS[other].kind in ("animal", "person")]
    answers = [f"{no}.", f"No, I see no {name}.", f"{no} in the {picture}.", "No."]
    if others:
        answers.append(f"{no}, but there is {a_thing(THINGS[others[0]])}.")
    return question, rng.choice(answers)


# A rare thing is asked after this many times although it is never there, so that "yes" is no habit.
MIN_ABSENT = 40
MAX_PRESENT = 900


def balanced_presence(photos: list[Photo], rng: random.Random) -> list[tuple[Photo, str]]:
    """(photo, thing), of each thing as often present as absent where it is often enough present.

    Half of the photos without it show something of the same kind: no dog, but a horse.
    """
    with_it, without_it = defaultdict(list), defaultdict(list)
    for photo in photos:
        for name in photo.present:
            with_it[name].append(photo)
        for name in photo.absent:
            without_it[name].append(photo)
    asked = []
    for name, thing in THINGS.items():
        yes = rng.sample(with_it[name], min(MAX_PRESENT, len(with_it[name])))
        absent = without_it[name]
        near = [photo for photo in absent
                if any(THINGS[other].kind == thing.kind for other in photo.present)]
        n_no = min(len(absent), max(len(yes), MIN_ABSENT if thing.is_noticed else 0))
        n_near = min(len(near), n_no // 2)
        no = rng.sample(near, n_near) + rng.sample(absent, n_no - n_near)
        asked += [(photo, name) for photo in yes + no]
    return asked


def count_turn(name: str, count: int, rng: random.Random) -> tuple[str, str]:
    many, picture = plural(name), rng.choice(PHOTO_WORDS)
    question = pick(rng, f"How many {many} are there?", f"How many {many} do you see?",
                    f"How many {many} are in the {picture}?", f"Count the {many}.",
                    f"What is the number of {many} in the {picture}?")
    number = NUMBER_WORDS[count]
    what = f"{number} {name if count == 1 else many}"
    verb = "is" if count == 1 else "are"
    return question, pick(rng, f"There {verb} {what}.", f"I see {what}.", sentence(number),
                          f"There {verb} {what} in the {picture}.", f"{sentence(what)}")


def balanced_counts(photos: list[Photo], rng: random.Random) -> list[tuple[Photo, str]]:
    """(photo, thing) with one, two and three in numbers that are not too far apart."""
    by_count: dict[int, list[tuple[Photo, str]]] = defaultdict(list)
    for photo in photos:
        for name, count in photo.counts.items():
            by_count[count].append((photo, name))
    ones = rng.sample(by_count[1], min(len(by_count[1]), len(by_count[2])))
    return ones + by_count[2] + by_count[3] * 3


def colour_turn(photo: Photo, name: str, rng: random.Random) -> tuple[str, str]:
    colour, owner = photo.colours[name], None
    if name in GARMENTS and len(photo.clauses) and not photo.clauses[0].is_plural:
        owner = photo.clauses[0].thing
    whose = f"the {owner}'s {name}" if owner and rng.random() < 0.5 else f"the {name}"
    verb = "are" if name in PLURAL_NOUNS else "is"
    they = "They are" if name in PLURAL_NOUNS else "It is"
    spelt = rng.choice(("colour", "color"))
    question = pick(rng, f"What {spelt} {verb} {whose}?", f"What {spelt} {verb} {whose}?",
                    f"Which {spelt} {verb} {whose}?", f"Tell me the {spelt} of {whose}.")
    return question, pick(rng, sentence(f"{whose} {verb} {colour}"), f"{they} {colour}.",
                          sentence(colour), sentence(f"{whose} {verb} {colour}"))


def who(clause: Clause) -> str:
    return f"the {plural(clause.thing) if clause.is_plural else clause.thing}"


def pronoun(clause: Clause) -> str:
    if clause.is_plural:
        return "they"
    if THINGS[clause.thing].kind == "person":
        return HUMAN_PRONOUNS.get(clause.thing, who(clause))
    return "it"


def be(clause: Clause) -> str:
    return "are" if clause.is_plural else "is"


def doing_turn(clause: Clause, rng: random.Random) -> tuple[str, str]:
    kind = THINGS[clause.thing].kind
    general = {"person": "person" if not clause.is_plural else "people",
               "animal": "animal" if not clause.is_plural else "animals"}[kind]
    subject = rng.choice((who(clause), who(clause), f"the {general}"))
    question = pick(rng, f"What {be(clause)} {subject} doing?",
                    f"What {be(clause)} {subject} doing?",
                    f"What {'do' if clause.is_plural else 'does'} {subject} do in this picture?",
                    f"Say what {subject} {be(clause)} doing.")
    return question, pick(rng, sentence(f"{who(clause)} {be(clause)} {clause.action}"),
                          sentence(f"{pronoun(clause)} {be(clause)} {clause.action}"))


def where_turn(photo: Photo, rng: random.Random) -> tuple[str, str]:
    """Of the subject if there is one, else of the picture."""
    if photo.clauses:
        clause = photo.clauses[0]
        subject, said = who(clause), rng.choice((who(clause), pronoun(clause)))
        return (pick(rng, f"Where {be(clause)} {subject}?", f"Where {be(clause)} {subject}?",
                     f"In what place {be(clause)} {subject}?"),
                pick(rng, sentence(f"{said} {be(clause)} {photo.place}"), sentence(photo.place)))
    return (pick(rng, "Where is this?", "Where was this photo taken?", "What place is this?"),
            pick(rng, f"This is {photo.place}.", f"It was taken {photo.place}."))


def some(photo: Photo, name: str) -> str:
    """"a dog" or "two dogs"."""
    count = photo.counts.get(name, 1)
    return a_thing(THINGS[name]) if count == 1 else f"{NUMBER_WORDS[count]} {plural(name)}"


def listed(things: list[str]) -> str:
    return " and ".join(things) if len(things) < 3 else f"{', '.join(things[:-1])} and {things[-1]}"


def who_turn(photo: Photo, rng: random.Random) -> tuple[str, str] | None:
    """Who is there: the counted people, or nobody."""
    question = pick(rng, "Who is in the picture?", "Who is in the photo?", "Who do you see?",
                    "Who is there?", "Who can be seen in the image?")
    if "person" in photo.absent:
        animals = [name for name in photo.present if THINGS[name].kind == "animal"]
        if not animals:
            return None
        seen = listed([some(photo, animal) for animal in animals])
        return question, pick(rng, f"There are no people, only {seen}.",
                              f"I see nobody, just {seen}.")
    people = [name for name in ("man", "woman", "boy", "girl", "baby")
              if name in photo.present and (name == "baby" or name in photo.counts)]
    if not people or ("person" in photo.counts and photo.counts["person"] != sum(
            photo.counts.get(name, 1) for name in people)):
        return None
    seen = listed([some(photo, name) for name in people])
    is_single = len(people) == 1 and photo.counts.get(people[0], 1) == 1
    return question, pick(rng, sentence(seen), f"I see {seen}.",
                          f"There {'is' if is_single else 'are'} {seen}."
                          if is_single or photo.counts.get(people[0], 1) > 1
                          else f"There is {seen}.")


STORY_QUESTIONS = ("Tell me a short story about this picture.",
                   "Tell a short story about the photo.", "Write a little story for this image.",
                   "Make up a short story about this.",
                   "Can you tell me a story about this picture?")
STORY_STARTS = ("One day, {}", "Once, {}", "One fine morning, {}", "It was a quiet afternoon: {}",
                "There once {was} {subject}. {They} {was} {action}", "On a day like any other, {}")
STORY_LINKS = ("A moment later {they} {was} {}.", "Before long, {they} {was} {}.",
               "Soon {they} {was} {}.", "And then {they} {was} {}.")
STORY_ENDS = {
    "animal": ("In the end {they} went home, tired and happy.", "What a good day for {them}!",
               "When the evening came, {they} fell fast asleep.",
               "Nothing could have made {them} happier."),
    "person": ("It was a day to remember.", "It was a moment that nobody forgot.",
               "In the evening {they} went home with a smile.",
               "Nobody wanted the day to end."),
}
_THEM = {"he": "him", "she": "her", "it": "it", "they": "them"}


def story_turn(photo: Photo, rng: random.Random) -> tuple[str, str] | None:
    """Two or three sentences: two things that captions say of the subject, and an end."""
    clauses = rng.sample(photo.clauses, len(photo.clauses))
    pairs = [(a, b) for a in clauses for b in clauses if a is not b and not _is_alike(a, b)]
    if not pairs:
        return None
    first, second = pairs[0]
    they, was = pronoun(first), "were" if first.is_plural else "was"
    words = {"they": they, "They": they.capitalize(), "was": was, "subject": first.subject,
             "them": _THEM.get(they, they), "action": first.action}
    start = rng.choice(STORY_STARTS).format(f"{first.subject} {was} {first.action}", **words)
    link = rng.choice(STORY_LINKS).format(second.action, **words)
    end = rng.choice(STORY_ENDS[THINGS[first.thing].kind]).format(**words)
    story = [sentence(start), link] + ([end] if rng.random() < 0.8 else [])
    return rng.choice(STORY_QUESTIONS), " ".join(story)


def _is_alike(a: Clause, b: Clause) -> bool:
    """The same verb, or mostly the same words."""
    first, second = set(a.action.split()), set(b.action.split())
    return (a.action.split()[0] == b.action.split()[0]
            or 2 * len(first & second) > min(len(first), len(second)))


def follow_up_turns(photo: Photo, rng: random.Random) -> Turns | None:
    """A description, then one or two questions that only make sense after it."""
    if not photo.clauses:
        return None
    clause = rng.choice(photo.clauses)
    asked, they = be(clause), "they" if clause.is_plural else pronoun(clause)
    told = [(rng.choice(CAPTION_QUESTIONS), sentence(f"{clause.subject} {asked} {clause.action}"))]
    follow: Turns = []
    spelt = rng.choice(("colour", "color"))
    if clause.thing in BODY_COLOURED and clause.thing in photo.colours:
        colour = photo.colours[clause.thing]
        follow.append((pick(rng, f"And what {spelt} is it?", f"What {spelt} is it?"),
                       pick(rng, sentence(colour), f"It is {colour}.")))
    garments = [name for name in photo.colours if name in GARMENTS]
    if garments and clause.thing in HUMAN_PRONOUNS and not clause.is_plural:
        name = rng.choice(garments)
        whose = f"{ {'he': 'his', 'she': 'her'}[they]} {name}"
        verb = "are" if name in PLURAL_NOUNS else "is"
        follow.append((f"And what {spelt} {verb} {whose}?",
                       pick(rng, sentence(photo.colours[name]),
                            sentence(f"{whose} {verb} {photo.colours[name]}"))))
    if photo.place:
        follow.append((pick(rng, f"Where {asked} {they}?", f"And where {asked} {they}?"),
                       pick(rng, sentence(photo.place),
                            sentence(f"{they} {asked} {photo.place}"))))
    if clause.thing in photo.counts:
        count = photo.counts[clause.thing]
        follow.append((pick(rng, "How many are there?", "And how many are there?"),
                       pick(rng, sentence(NUMBER_WORDS[count]),
                            f"There {'is' if count == 1 else 'are'} {NUMBER_WORDS[count]}.")))
    absent = [name for name in photo.absent if THINGS[name].kind in ("animal", "person")]
    present = [name for name in photo.present if name != clause.thing and not (
        THINGS[name].kind == "person" == THINGS[clause.thing].kind)]
    for name in ([rng.choice(absent)] if absent else []) + ([rng.choice(present)] if present
                                                            else []):
        question, answer = presence(photo, name, rng)
        follow.append((f"And {question[0].lower()}{question[1:]}", answer))
    if not follow:
        return None
    return told + rng.sample(follow, min(len(follow), rng.choice((1, 1, 2))))
